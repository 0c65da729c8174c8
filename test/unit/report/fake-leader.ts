import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** A leader that waits as long as its write quorum says, and followers that are told of in its replica status. */
export interface FakeLeader {
  readonly node: string;
  /** As POST /admin/quorum came in. */
  readonly quorums: readonly number[];
  /** Writes that were on their way at the same time, at most; since it was last set. */
  together: number;
  writes: number;
  readonly data: Map<string, string>;
  /** What follower2 has instead of the leader's data. */
  lag: Record<string, string> | null;
  /** Answers to writes; 200 by default. */
  status: number;
  /** The write quorum that is refused. */
  refused: number | null;
}

const FOLLOWERS = ['follower1', 'follower2', 'follower3'];
/** For each follower that is waited for. */
const STEP_MS = 10;

export async function fakeLeader(t: Test, engine = 'semisync'): Promise<FakeLeader> {
  const quorums: number[] = [];
  let current = 2;
  let open = 0;
  const fake = {
    node: '',
    quorums,
    together: 0,
    writes: 0,
    data: new Map<string, string>(),
    lag: null as FakeLeader['lag'],
    status: 200,
    refused: null as number | null,
  };
  const answer = (response: ServerResponse, status: number, body: object): void => {
    const bytes = Buffer.from(JSON.stringify(body));
    // The generator reads whole answers with a length, as replicas send them.
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
    response.writeHead(status, headers).end(bytes);
  };
  const write = (path: string, body: string, response: ServerResponse): void => {
    fake.writes++;
    fake.together = Math.max(fake.together, ++open);
    const key = decodeURIComponent(path.split('/').at(-1) ?? '');
    fake.data.set(key, body);
    setTimeout(() => {
      open--;
      const refusal = { code: 'not_enough_replicas', detail: 'too few' };
      answer(response, fake.status, fake.status < 300 ? { key, revision: 1 } : refusal);
    }, current * STEP_MS);
  };
  const replicaStatus = (response: ServerResponse): void => {
    const data = Object.fromEntries(fake.data);
    const followers = FOLLOWERS.map((id) => {
      const lags = id === 'follower2' && fake.lag !== null;
      return [id, { state: 'streaming', data: lags ? fake.lag : data, in_sync: !lags, error: null }];
    });
    const leader = { id: 'leader', data, head: 1, commit: 1, epoch: 1, write_quorum: current };
    answer(response, 200, { leader, followers: Object.fromEntries(followers) });
  };
  const setQuorum = (body: string, response: ServerResponse): void => {
    const { write_quorum: wanted } = JSON.parse(body) as { write_quorum: number };
    if (wanted === fake.refused) return answer(response, 503, { code: 'not_enough_replicas', detail: 'too few' });
    quorums.push(wanted);
    const before = current;
    current = wanted;
    return answer(response, 200, { old: before, new: wanted });
  };
  const server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      if (path === '/status') {
        const keyspaces = [{ keyspace: 'default', engine, leader: engine === 'semisync' ? 'leader' : null }];
        const replicas = [{ id: 'leader', http: fake.node, redis: null }];
        return answer(response, 200, { id: 'leader', cluster: 'test', version: '0.1.0', keyspaces, replicas });
      }
      if (path === '/admin/quorum') return setQuorum(body, response);
      if (path === '/admin/replica-status') return replicaStatus(response);
      return write(path, body, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  fake.node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.teardown(() => server.close());
  return fake;
}
