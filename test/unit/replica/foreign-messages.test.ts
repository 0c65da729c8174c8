import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { assertDefined, InvariantViolation } from '../../../src/base/assert.js';
import type { GroupId, LogIndex, ReplicaId, Term } from '../../../src/base/brand.js';
import { createPrng, type Prng } from '../../../src/base/prng.js';
import { isSpokenBy, type EngineMessage } from '../../../src/engines/messages.js';
import type { SemisyncEntry, SemisyncMessage } from '../../../src/engines/semisync/messages.js';
import type { SemisyncCore } from '../../../src/replica/semisync/member.js';
import type { Envelope, Transport } from '../../../src/transport/transport.js';
import { decodeFrame, encodeFrames, WireError } from '../../../src/wire/codec.js';
import { GROUP, LocalCluster, until } from '../../fixtures/replica/local-cluster.js';
import { put } from '../../fixtures/replica/semisync-caller.js';
import { FEED, SemisyncCluster, type SemisyncNode } from '../../fixtures/replica/semisync-cluster.js';
import { Recorder } from '../../contract/recorder.js';
import { anyEnvelope } from '../wire/arbitraries.js';

const [N1, N3] = ['n1', 'n3'] as [ReplicaId, ReplicaId];
const ROUTE = { from: N3, to: N1 };

/** Messages that the wire lets pass, from n3 to n1, in this group. */
function messages(group: GroupId, count: number, wanted: (message: EngineMessage) => boolean): Envelope[] {
  const some = anyEnvelope.filter(({ message }) => wanted(message));
  return fc
    .sample(some, { numRuns: count, seed: 7 })
    .map(({ message }) => ({ group, message: { ...message, ...ROUTE } }));
}

async function connected(transport: Transport): Promise<Transport> {
  await transport.start(new Recorder());
  await until('a link to n1', () => (transport.isUp(N1) ? true : undefined));
  return transport;
}

/** n1 leads; in the place of n3 there is somebody who says anything. */
async function withRogue(t: Test, keyspace: Record<string, unknown>): Promise<[SemisyncNode, Transport]> {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace });
  t.teardown(() => cluster.close());
  const { folder } = cluster.node('n3').storage;
  await cluster.stopReplica('n3');
  const n3 = await connected(cluster.network.transport(N3, cluster.ids, folder));
  t.teardown(() => n3.close());
  return [cluster.node('n1'), n3];
}

t.test('what no member of a semisync group says is dropped and counted, and nothing else happens', async (t) => {
  const [{ keyspace, member, replica }, n3] = await withRogue(t, { promotion: 'manual' });
  const { messagesForeign } = replica.stats;
  const term = member.core?.term;
  for (const envelope of messages(FEED, 300, (message) => !isSpokenBy('semisync', message))) n3.send(N1, [envelope]);
  await until('the last one', () => (replica.stats.messagesForeign === messagesForeign + 300 ? true : undefined));
  t.equal(replica.failure, null);
  t.equal(member.core?.term, term);
  t.match(await put(keyspace, 'a', '1'), { ok: true });
});

t.test('what no member of a raft group says is dropped and counted, and nothing else happens', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  await cluster.leader();
  await cluster.stopReplica(N3);
  const n3 = await connected(cluster.network.transport(N3, cluster.ids, null));
  t.teardown(() => n3.close());
  const { replica } = cluster.node('n1');
  for (const envelope of messages(GROUP, 300, (message) => !isSpokenBy('raft', message))) n3.send(N1, [envelope]);
  await until('the last one', () => (replica.stats.messagesForeign === 300 ? true : undefined));
  t.equal(replica.failure, null);
});

/** Anything that a member could say, with numbers that mean something to whom it is said. */
function plausible(prng: Prng, core: SemisyncCore): SemisyncMessage {
  const flag = (): boolean => prng.between(0, 1) === 1;
  const some = <T>(...list: readonly T[]): T => assertDefined(list[prng.between(0, list.length - 1)], 'one of them');
  const own = core.term - (core.term % 64) + 2;
  const term = some<number>(core.term, own, own + 64, core.term - 64, 64) as Term;
  const index = (): LogIndex => {
    return Math.max(0, some<number>(core.lastIndex, core.commitIndex, 0, 1) + prng.between(-2, 3)) as LogIndex;
  };
  const older = (): Term => some<number>(term, core.term, 0, 64, 66) as Term;
  const prevIndex = index();
  const entries = Array.from({ length: prng.between(0, 3) }, (_, at): SemisyncEntry => {
    const payload = Buffer.alloc(prng.between(0, 1), prng.between(0, 3));
    return { index: (prevIndex + 1 + at) as LogIndex, term, kind: some('noop', 'quorum'), payload };
  });
  const base = { ...ROUTE, term };
  const hint = { hintIndex: index(), hintTerm: older() };
  const number = (): number => prng.between(0, 9);
  const tail = {
    lastIndex: (20 + index()) as LogIndex,
    lastTerm: 64 as Term,
    commit: index(),
    writeQuorum: prng.between(0, 4),
    quorums: [],
    forcedTerm: 0 as Term,
  };
  const piece = { streamId: 1, sequence: prng.between(0, 1), data: Buffer.from('x'), forcedTerm: 0 as Term };
  const acked = 0 as LogIndex; // Anything else would say that its disk forgot, which ends a member for good reason.
  const vouched = { vouchedCommit: index(), vouchedClock: number() };
  return some<SemisyncMessage>(
    { type: 'appendRequest', ...base, prevIndex, prevTerm: older(), commit: index(), entries },
    { type: 'appendResponse', ...base, rejected: flag(), index: index(), ...hint, diverged: number() === 0 },
    { type: 'epochHeartbeat', ...base, round: number(), commit: index(), acked, ...vouched },
    { type: 'epochHeartbeatResponse', ...base, round: number(), clock: number() },
    { type: 'promiseRequest', ...base, ask: flag(), wanted: flag(), lastTerm: older() },
    { type: 'promiseResponse', ...base, ask: flag(), granted: flag(), tail },
    { type: 'fetchRequest', ...base, prevIndex, prevTerm: older() },
    { type: 'fetchResponse', ...base, rejected: false, prevIndex, prevTerm: older(), ...hint, entries },
    { type: 'fenced', ...base },
    { type: 'snapshotChunk', ...base, ...piece, index: index(), indexTerm: older(), last: flag(), replaces: flag() },
    { type: 'snapshotChunkResponse', ...base, streamId: number(), sequence: number(), ok: flag() },
  );
}

/** As the wire would hand it on; null when it would not. */
function throughWire(message: SemisyncMessage): readonly Envelope[] | null {
  try {
    const { buffers } = encodeFrames([{ group: FEED, message }]);
    return decodeFrame(Buffer.concat(buffers).subarray(12), ROUTE).envelopes;
  } catch (error) {
    if (error instanceof WireError || error instanceof InvariantViolation) return null;
    throw error;
  }
}

t.test('a member that says anything at any time stops nobody', async (t) => {
  for (const promotion of ['manual', 'auto']) {
    const [{ keyspace, member, replica }, n3] = await withRogue(t, { promotion });
    await put(keyspace, 'a', '1');
    const prng = createPrng(promotion.length);
    for (let count = 0; count < 400 && replica.failure === null; count++) {
      const message = plausible(prng, assertDefined(member.core, 'the cluster is formed'));
      const envelopes = throughWire(message);
      if (envelopes !== null) n3.send(N1, envelopes);
      await new Promise((resolve) => setTimeout(resolve, prng.between(0, 2)));
    }
    t.equal(replica.failure, null, promotion);
  }
});

t.test('a snapshot of nothing, for somebody who has more', async (t) => {
  const [{ keyspace, member, replica }, n3] = await withRogue(t, { promotion: 'manual' });
  await put(keyspace, 'a', '1');
  const core = assertDefined(member.core, 'the cluster is formed');
  const term = (core.term - (core.term % 64) + 66) as Term;
  const [index, indexTerm] = [0 as LogIndex, 0 as Term];
  const fields = {
    streamId: 1,
    sequence: 0,
    last: true,
    data: Buffer.from('x'),
    replaces: false,
    forcedTerm: indexTerm,
  };
  n3.send(N1, [{ group: FEED, message: { type: 'snapshotChunk', ...ROUTE, term, index, indexTerm, ...fields } }]);
  await until('the new epoch', () => (core.term === term ? true : undefined));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(replica.failure, null);
});
