import * as fc from 'fast-check';
import t from 'tap';
import { formatAddress, isLoopback, isWildcard, overlaps, parseAddress } from '../../../src/config/address.js';
import type { HostPort } from '../../../src/config/topology.js';

function read(text: string): HostPort {
  const address = parseAddress(text);
  if (typeof address === 'string') throw new Error(address);
  return address;
}

t.test('addresses are read, or it is said what is wrong', (t) => {
  t.same(read('127.0.0.1:7101'), { host: '127.0.0.1', port: 7101 });
  t.same(read('[::1]:7101'), { host: '::1', port: 7101 });
  t.same(read('db-1.example.org:0'), { host: 'db-1.example.org', port: 0 });
  t.same(read('*:7101'), { host: '0.0.0.0', port: 7101 });
  const wrong: [string, RegExp][] = [
    ['7101', /a host is missing; write 127\.0\.0\.1:7101/],
    [':7101', /a host is missing/],
    ['localhost', /a port is missing; write localhost:7101/],
    ['', /a port is missing/],
    ['::1:7101', /write "\[::1\]:7101"/],
    ['[nope]:1', /"nope" is not an IPv6 address/],
    ['256.0.0.1:80', /"256\.0\.0\.1" is not an IPv4 address/],
    ['host:65536', /from 0 to 65535/],
    ['host:http', /from 0 to 65535/],
    ['http://host:80', /IPv6|host name/],
    ['ho st:80', /"ho st" is not a host name/],
  ];
  for (const [text, problem] of wrong) t.match(parseAddress(text), problem, text);
  t.end();
});

t.test('every address is read back as it was written', (t) => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      const address = { host, port };
      const again = parseAddress(formatAddress(address));
      return typeof again !== 'string' && again.host === host && again.port === port;
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('who can reach an address', (t) => {
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    'localhost',
    'a.localhost',
    '::1',
    '::ffff:127.0.0.1',
    '0:0:0:0:0:0:0:1',
  ]) {
    t.equal(isLoopback(host), true, host);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.org', '::2', '127.example.org', '2001:db8::1']) {
    t.equal(isLoopback(host), false, host);
  }
  for (const host of ['0.0.0.0', '0', '::', '0:0:0:0:0:0:0:0', '::0.0.0.0']) t.equal(isWildcard(host), true, host);
  for (const host of ['127.0.0.1', '::1', '10.0.0.0', 'host']) t.equal(isWildcard(host), false, host);
  t.end();
});

t.test('which listeners ask for the same port', (t) => {
  const clash = (a: string, b: string) => overlaps(read(a), read(b));
  t.equal(clash('127.0.0.1:1', '127.0.0.1:1'), true);
  t.equal(clash('localhost:1', '127.0.0.1:1'), true);
  t.equal(clash('0.0.0.0:1', '127.0.0.1:1'), true);
  t.equal(clash('127.0.0.1:1', '127.0.0.2:1'), false);
  t.equal(clash('127.0.0.1:1', '127.0.0.1:2'), false);
  t.equal(clash('127.0.0.1:0', '127.0.0.1:0'), false, 'the system chooses two different ones');
  t.end();
});
