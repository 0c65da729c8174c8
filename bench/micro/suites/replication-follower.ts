/** Worker of the replication suite: appends what the leader sends to the production log and answers when it is durable. */
import { parentPort, workerData } from 'node:worker_threads';
import { assertDefined } from '../../../src/base/assert.js';
import { logIndex, term, type ReplicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createPrng } from '../../../src/base/prng.js';
import type { LogRecord } from '../../../src/storage/storage.js';
import { createTcpTransport } from '../../../src/transport/tcp/index.js';
import { GROUP, LEADER, TERM } from './entries.js';
import { openTemporaryLog } from './temporary-log.js';

export interface FollowerData {
  readonly self: ReplicaId;
  readonly leaderPort: number;
  readonly fsync: boolean;
}
export type FollowerReport =
  { readonly type: 'listening'; readonly port: number } | { readonly type: 'linked' } | { readonly type: 'closed' };
export type FollowerOrder = { readonly type: 'cut'; readonly index: number } | { readonly type: 'close' };

const { self, leaderPort, fsync } = workerData as FollowerData;
const port = assertDefined(parentPort, 'runs as a worker');
const report = (message: FollowerReport): void => port.postMessage(message);
const temporary = openTemporaryLog(self, fsync);
const { log } = temporary;

const transport = createTcpTransport({
  self,
  cluster: 'bench',
  incarnation: 1,
  listen: { host: '127.0.0.1', port: 0 },
  peers: [{ id: LEADER, host: '127.0.0.1', port: leaderPort }],
  logger: silentLogger,
  prng: createPrng(2),
});
await transport.start({
  onPeerUp: () => report({ type: 'linked' }),
  onPeerDown: () => undefined,
  onFormation: () => undefined,
  admits: () => null,
  onRefused: () => undefined,
  onMessages(from, envelopes) {
    // As the replica's loop does: all entries of one frame are one write, one sync and one answer.
    const records: LogRecord[] = [];
    let index = logIndex(0);
    for (const { message } of envelopes) {
      if (message.type !== 'appendRequest') continue;
      for (const entry of message.entries) {
        records.push({ kind: 'entry', group: GROUP, entry });
        index = entry.index;
      }
    }
    const hint = { hintIndex: logIndex(0), hintTerm: term(0) };
    const answer = {
      type: 'appendResponse',
      from: self,
      to: from,
      term: TERM,
      rejected: false,
      index,
      ...hint,
    } as const;
    log.append(records, true, () => transport.send(from, [{ group: GROUP, message: answer }]));
  },
});
report({ type: 'listening', port: assertDefined(transport.address, 'it listens').port });

port.on('message', (order: FollowerOrder) => {
  if (order.type === 'cut') {
    log.cut(GROUP, logIndex(order.index), TERM);
    return;
  }
  void close();
});

async function close(): Promise<void> {
  await transport.close();
  await temporary.close();
  report({ type: 'closed' });
  port.close();
}
