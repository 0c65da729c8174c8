import t from 'tap';
import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import { createPrng } from '../../../../src/base/prng.js';
import { createSemisync, type Semisync } from '../../../../src/engines/semisync/index.js';
import type { SemisyncMessage } from '../../../../src/engines/semisync/messages.js';

const FOLLOWERS = 5;
const DELAY_MS = [10, 110] as const;
const WRITES = 2000;

/** Six engines on virtual time. Disks and the way to the followers take none, an answer takes uniform [a, b]. */
class Group {
  nowMs = 0;
  readonly #engines = new Map<ReplicaId, Semisync>();
  readonly #leader: Semisync;
  #wire: { readonly atMs: number; readonly message: SemisyncMessage }[] = [];
  readonly #prng = createPrng(5);

  constructor(writeQuorum: number) {
    const members = 'abcdef'.split('') as ReplicaId[];
    for (const self of members) {
      this.#engines.set(
        self,
        createSemisync({
          self,
          members,
          leader: 'a' as ReplicaId,
          writeQuorum,
          allowAsync: false,
          promotion: 'manual',
          electionTicks: [10, 20],
          heartbeatTicks: 2,
          maxLagTicks: 1000,
          promotionTicks: 100,
          diskStallTicks: 1000,
          prng: createPrng(1),
          limits: {
            appendEntries: 8,
            appendBytes: 1024,
            inflightMessages: 64,
            inflightBytes: 4096,
            uncommittedBytes: 1024,
            pendingReads: 1,
          },
          recovered: {
            hardState: null,
            baseIndex: 0 as LogIndex,
            baseTerm: 0 as Term,
            entries: [],
            appliedIndex: 0 as LogIndex,
          },
        }),
      );
    }
    this.#leader = this.#engines.get('a' as ReplicaId) as Semisync;
    this.#leader.step({ type: 'tick' });
    this.#drain(this.#leader);
    this.#deliver(() => false);
  }

  #drain(engine: Semisync): void {
    while (engine.hasEffects) {
      const { afterPersist, committed, messages, persist } = engine.drain();
      if (persist !== null) engine.step({ type: 'persisted', batch: persist.batch });
      const last = committed.at(-1);
      if (last !== undefined) engine.step({ type: 'applied', index: last.index });
      for (const message of [...messages, ...afterPersist]) {
        const delayMs = message.to === 'a' ? DELAY_MS[0] + this.#prng.float() * (DELAY_MS[1] - DELAY_MS[0]) : 0;
        this.#wire.push({ atMs: this.nowMs + delayMs, message });
      }
    }
  }

  /** In the order of time, until nothing is under way or `done`. */
  #deliver(done: () => boolean): void {
    while (this.#wire.length > 0 && !done()) {
      this.#wire.sort((a, b) => a.atMs - b.atMs);
      const next = this.#wire.shift();
      if (next === undefined) return;
      this.nowMs = next.atMs;
      const engine = this.#engines.get(next.message.to);
      engine?.step({ type: 'message', message: next.message });
      if (engine !== undefined) this.#drain(engine);
    }
  }

  /** Of one write, with nothing else under way. */
  writeMs(id: number): number {
    const beganMs = this.nowMs;
    this.#leader.step({ type: 'propose', id, payload: new Uint8Array(1) });
    this.#drain(this.#leader);
    const { lastIndex } = this.#leader;
    this.#deliver(() => this.#leader.commitIndex >= lastIndex);
    const tookMs = this.nowMs - beganMs;
    this.#deliver(() => false);
    return tookMs;
  }
}

t.test(
  'ap.md §1.3.8: one write at a time takes as long as the W-th of F answers: a + (b - a) W / (F + 1)',
  async (t) => {
    const [a, b] = DELAY_MS;
    for (let writeQuorum = 1; writeQuorum <= FOLLOWERS; writeQuorum++) {
      const group = new Group(writeQuorum);
      let sumMs = 0;
      for (let at = 0; at < WRITES; at++) sumMs += group.writeMs(at);
      const expectedMs = a + ((b - a) * writeQuorum) / (FOLLOWERS + 1);
      const meanMs = sumMs / WRITES;
      const off = Math.abs(meanMs / expectedMs - 1);
      t.ok(off < 0.05, `W = ${writeQuorum}: ${meanMs.toFixed(1)} ms, expected ${expectedMs.toFixed(1)} ms`);
    }
  },
);
