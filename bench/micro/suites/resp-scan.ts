import { createRespScan, RESP_LIMITS, RespStatus, scanRequest } from '../../../native-like/resp-scan/index.js';
import { scanRequestReference } from '../../../native-like/resp-scan/reference.js';
import type { BenchCase, BenchSuite } from '../harness.js';

const PIPELINED = 16;

/** Scans the whole stream; gives the sum of the arguments' lengths. */
function scanAll(stream: Buffer): number {
  let bytes = 0;
  let at = 0;
  for (;;) {
    const status = scanRequest(stream, at, stream.length, RESP_LIMITS, scan);
    if (status === RespStatus.INCOMPLETE) return bytes;
    for (let argument = 0; argument < scan.argumentCount; argument++) {
      bytes += (scan.slots[2 * argument + 1] as number) - (scan.slots[2 * argument] as number);
    }
    at += scan.requestBytes;
  }
}
const scan = createRespScan();

function scanAllReference(stream: string): number {
  let bytes = 0;
  for (let at = 0; ;) {
    const found = scanRequestReference(stream.slice(at), RESP_LIMITS);
    if (found.status === RespStatus.INCOMPLETE) return bytes;
    for (const argument of found.arguments) bytes += argument.length;
    at += found.requestBytes;
  }
}

function pipeline(name: string, request: (at: number) => string): BenchCase {
  const text = Array.from({ length: PIPELINED }, (_, at) => request(at)).join('');
  const stream = Buffer.from(text, 'latin1');
  const expected = scanAllReference(text);
  return {
    name: `${PIPELINED} pipelined ${name}`,
    run: () => scanAll(stream),
    check: () => scanAll(stream) === expected,
    work: { amount: PIPELINED, unit: 'requests' },
  };
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const key = (at: number): string => bulk(`key:${String(at).padStart(12, '0')}`);

export const respScanSuite: BenchSuite = {
  name: 'resp-scan',
  create: () => ({
    cases: [
      pipeline('SETs of 256 B', (at) => `*3\r\n${bulk('SET')}${key(at)}${bulk('v'.repeat(256))}`),
      pipeline('GETs', (at) => `*2\r\n${bulk('GET')}${key(at)}`),
    ],
  }),
};
