import { assertDefined } from '../../../src/base/assert.js';
import type { LogIndex, ReplicaId, Term } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import { createPrng } from '../../../src/base/prng.js';
import type { RaftEffects } from '../../../src/engines/raft/events.js';
import { createRaft, type Raft } from '../../../src/engines/raft/index.js';
import type { RaftMessage } from '../../../src/engines/raft/messages.js';
import type { BenchCase, BenchSuite } from '../harness.js';
import { payloadOf } from './entries.js';
import { votersOnly } from '../../../src/engines/raft/membership.js';
import { membershipCodec } from '../../../src/wire/membership-codec.js';

const IDS = ['n1', 'n2', 'n3'] as ReplicaId[];
/** Applied entries between two cuts of the log, so that memory stays level. */
const CUT_EVERY = 4096;

/** Three members whose messages and disks are function calls: what is left is the cost of the core. */
class Group {
  readonly #members = new Map<ReplicaId, Raft>();
  #proposal = 0;
  applied = 0;

  constructor() {
    for (const [at, self] of IDS.entries()) this.#members.set(self, member(self, at));
    while (this.leader === undefined) {
      for (const raft of this.#members.values()) raft.step({ type: 'tick' });
      this.settle();
    }
  }

  get leader(): Raft | undefined {
    return [...this.#members.values()].find(({ role }) => role === 'leader');
  }

  propose(payload: Uint8Array, entries: number): void {
    const leader = assertDefined(this.leader, 'the group has a leader');
    for (let at = 0; at < entries; at++) leader.step({ type: 'propose', id: ++this.#proposal, payload });
    this.settle();
  }

  read(): number {
    const leader = assertDefined(this.leader, 'the group has a leader');
    leader.step({ type: 'readIndex', id: ++this.#proposal, lease: false });
    return this.settle();
  }

  /** Drains until nothing is left to do; returns the number of reads that were answered. */
  settle(): number {
    let reads = 0;
    for (let busy = true; busy;) {
      busy = false;
      for (const raft of this.#members.values()) {
        if (!raft.hasEffects) continue;
        busy = true;
        reads += this.#perform(raft, raft.drain());
      }
    }
    return reads;
  }

  #perform(raft: Raft, effects: RaftEffects): number {
    this.#deliver(effects.messages);
    if (effects.persist !== null) raft.step({ type: 'persisted', batch: effects.persist.batch });
    this.#deliver(effects.afterPersist);
    const last = effects.committed.at(-1);
    if (last !== undefined) this.#apply(raft, last.index, effects.committed.length);
    return effects.reads.length;
  }

  #apply(raft: Raft, index: LogIndex, count: number): void {
    raft.step({ type: 'applied', index });
    if (raft.role === 'leader') this.applied += count;
    if (index - raft.firstIndex >= CUT_EVERY) {
      raft.step({ type: 'checkpointed', index, cutIndex: (index - CUT_EVERY / 2) as LogIndex });
    }
  }

  #deliver(messages: readonly RaftMessage[]): void {
    for (const message of messages) this.#members.get(message.to)?.step({ type: 'message', message });
  }
}

function member(self: ReplicaId, seed: number): Raft {
  const zero = 0 as LogIndex;
  return createRaft({
    self,
    membership: votersOnly(IDS),
    codec: membershipCodec,
    electionTicks: [15, 30],
    heartbeatTicks: 5,
    diskStallTicks: 1000,
    leaseReads: false,
    prng: createPrng(seed + 1),
    limits: LIMITS,
    recovered: { hardState: null, baseIndex: zero, baseTerm: 0 as Term, entries: [], appliedIndex: zero },
  });
}

function commitCase(group: Group, entries: number, bytes: number): BenchCase {
  const payload = payloadOf(bytes);
  const run = (): number => {
    group.propose(payload, entries);
    return group.applied;
  };
  return {
    name: `propose and commit ${entries} x ${bytes} B on 3 members`,
    run,
    check: () => {
      const before = group.applied;
      return run() === before + entries;
    },
    work: { amount: entries, unit: 'entries' },
  };
}

export const raftSuite: BenchSuite = {
  name: 'raft',
  create: () => {
    const group = new Group();
    const read: BenchCase = {
      name: 'one read index round on 3 members',
      run: () => group.read(),
      check: () => group.read() === 1,
    };
    return { cases: [commitCase(group, 1, 256), commitCase(group, 16, 256), commitCase(group, 1, 65_536), read] };
  },
};
