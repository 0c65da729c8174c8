import t from 'tap';
import type { GroupId, LogIndex, ReplicaId, Term } from '../../../src/base/brand.js';
import { systemClock } from '../../../src/base/clock.js';
import { LIMITS } from '../../../src/base/limits.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createPrng } from '../../../src/base/prng.js';
import type { Entry } from '../../../src/engines/raft/messages.js';
import { BatchBuilder } from '../../../src/kv/index.js';
import { RaftMember } from '../../../src/replica/raft/member.js';
import type { CheckpointStore, Log } from '../../../src/storage/storage.js';
import { votersOnly } from '../../../src/engines/raft/membership.js';
import { membershipCodec } from '../../../src/wire/membership-codec.js';

/** More than fits the arguments of one call. */
const ENTRIES = 300_000;
const GROUP = 'default/0' as GroupId;
const SELF = 'n1' as ReplicaId;

function payload(): Uint8Array {
  const builder = new BatchBuilder();
  const bytes = new Uint8Array([107]);
  builder.addPut({ source: bytes, start: 0, end: 1 }, { source: bytes, start: 0, end: 1 });
  return builder.take();
}

t.test('a restart with very many small entries in the log applies them all', async (t) => {
  const shared = payload();
  const entries = Array.from({ length: ENTRIES }, (_, at): Entry => ({
    index: (at + 1) as LogIndex,
    term: 1 as Term,
    kind: 'commands',
    payload: shared,
  }));
  const recovered = {
    hardState: { term: 1 as Term, vote: SELF, commit: 0 as LogIndex },
    membership: votersOnly([SELF]),
    baseIndex: 0 as LogIndex,
    baseTerm: 0 as Term,
    entries,
  };
  const log = { recovered: new Map([[GROUP, recovered]]), append: () => undefined } as unknown as Log;
  const store = { mark: null, get: () => undefined, has: () => false, range: () => [] } as unknown as CheckpointStore;
  const member = new RaftMember({
    group: GROUP,
    self: SELF,
    membership: votersOnly([SELF]),
    store,
    log,
    clock: systemClock,
    logger: silentLogger,
    sessionWaitMs: 1000,
    requestTimeoutMs: 1000,
    checkpointBytes: 1024 ** 3,
    retainBytes: 1024,
    raft: {
      electionTicks: [3, 5],
      heartbeatTicks: 1,
      diskStallTicks: 1000,
      leaseReads: false,
      prng: createPrng(1),
      codec: membershipCodec,
      limits: LIMITS,
    },
    wake: () => undefined,
    send: () => undefined,
    onFailed: (error) => {
      throw error;
    },
    onChanged: () => undefined,
    onMembership: () => undefined,
    onTime: () => true,
  });
  for (let turn = 0; turn < 1000 && member.appliedIndex <= ENTRIES; turn++) {
    member.tick(1, turn);
    const output = member.drain();
    const persist = output?.persist ?? null;
    if (persist !== null) member.onPersisted(persist.batch);
    member.apply();
  }
  t.equal(member.appliedIndex, ENTRIES + 1, 'the entries and the no-op of the new term');
  t.equal(member.revision, ENTRIES);
});
