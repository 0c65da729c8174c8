import { join } from 'node:path';
import t from 'tap';
import { Server } from '../cli/program.js';
import { busyPorts } from '../fixtures/ports.js';

/** The causal document: its endpoints as written there, against r1, r2 and r3 on 8090 to 8092. About five seconds. */
const PORTS = [6090, 6091, 6092, 7090, 7091, 7092, 8090, 8091, 8092];
const busy = await busyPorts(PORTS);
const skip = busy.length > 0 ? `in use: ${busy.join(', ')}` : false;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(method: string, replica: 1 | 2 | 3, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${8089 + replica}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

function query(metadata: unknown): string {
  return `?causal-metadata=${encodeURIComponent(JSON.stringify(metadata))}`;
}

t.test('the causal document', { skip, timeout: 180_000 }, async (t) => {
  const server = new Server(['configs/causal.yaml', '--data-dir', join(t.testdir({}), 'data')]);
  t.teardown(() => server.kill());
  await server.ready();
  t.equal(await (await fetch('http://127.0.0.1:8090/health')).text(), 'OK');

  const created = await ask('PUT', 1, '/kvs/x', { value: '1', 'causal-metadata': null });
  t.match(created, { status: 201, body: { result: 'created' } });
  t.same(Object.keys(created.body), ['result', 'causal-metadata']);
  const found = await ask('GET', 2, `/kvs/x${query(created.body['causal-metadata'])}`);
  t.match(found, { status: 200, body: { result: 'found', value: '1' } }, 'read your writes at another replica');
  t.same(Object.keys(found.body), ['result', 'value', 'causal-metadata']);
  const metadata = found.body['causal-metadata'];
  const replaced = await ask('PUT', 3, '/kvs/x', { value: '2', 'causal-metadata': metadata });
  t.match(replaced, { status: 200, body: { result: 'replaced' } });
  const read = await ask('GET', 1, `/kvs/x${query(replaced.body['causal-metadata'])}`);
  t.match(read.body, { value: '2' }, 'what was written after a read is newer than what was read');
  const deleted = await ask('DELETE', 2, '/kvs/x', { 'causal-metadata': read.body['causal-metadata'] });
  t.match(deleted, { status: 200, body: { result: 'deleted' } });
  const gone = await ask('GET', 3, `/kvs/x${query(deleted.body['causal-metadata'])}`);
  t.match(gone, { status: 404, body: { error: 'Key does not exist' } });
  t.ok(gone.body['causal-metadata']);

  t.match(await ask('PUT', 1, '/kvs/x', { 'causal-metadata': null }), { status: 400 }, 'missing value');
  t.match(await ask('PUT', 1, `/kvs/${'k'.repeat(51)}`, { value: '1' }), { status: 400 }, 'key too long');
  t.match(await ask('GET', 1, '/kvs/never'), { status: 404, body: { error: 'Key does not exist' } });
  t.match(await ask('DELETE', 1, '/kvs/never'), { status: 404, body: { error: 'Key does not exist' } });
  const forged = await ask('PUT', 1, '/kvs/x', { value: '1', 'causal-metadata': { r1: 7 } });
  t.match(forged, { status: 400, body: { 'causal-metadata': { r1: 7 } } });
  const sync = await ask('GET', 1, '/kvs/sync');
  t.match(sync, { status: 200, body: { replica: 'r1', items: [], next: null } });
  t.match(sync.body['vector-clock'], { r1: 1, r2: 1, r3: 1 });
});
