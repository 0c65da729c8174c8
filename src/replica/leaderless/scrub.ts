import type { ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { isKvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { LeaderlessMessage, ScrubItems, ScrubLeaves } from '../../engines/leaderless/messages.js';
import type { Dot } from '../../engines/leaderless/types.js';
import { dotsOf, sameVector, vectorOf } from '../../engines/leaderless/vector.js';
import type { DottedStateMachine } from '../../kv/dotted/types.js';
import type { LeaderlessStats } from './stats.js';

/** One leaf hash. */
const LEAF_BYTES = 8;
/** Leaves repaired in one exchange, and about how many bytes of items: what is left comes with the next one. */
const LEAVES_MAX = 16;
const ITEM_BYTES_MAX = 1024 * 1024;
/** A round on demand asks again after this long: members that take writes stand at other vectors most of the time. */
const AGAIN_MS = 250;
const NO_ITEMS = new Uint8Array(0);

export interface ScrubOptions {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: LeaderlessStats;
  readonly timeoutMs: number;
  kv(): DottedStateMachine;
  send(message: LeaderlessMessage): void;
}

/** A round on demand. */
interface Round {
  readonly waiting: Set<ReplicaId>;
  readonly differing: ReplicaId[];
  readonly deadlineMs: number;
  askedMs: number;
  resolve(differing: readonly ReplicaId[]): void;
}

/**
 * Finds items that differ where they cannot: two members at one vector hold the same, or a disk or a program has changed
 * something (ap.md §1.0.7). Compares leaf hashes, exchanges the items of leaves that differ, and takes what is newer:
 * only the side that is behind is repaired, and somebody is told.
 */
export class Scrub {
  readonly #options: ScrubOptions;
  #round: Round | null = null;
  #results: Promise<readonly ReplicaId[]> = Promise.resolve([]);

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  /** Compares with `members` now; resolves to those that differ. Members that never stand where we do are left out. */
  run(members: readonly ReplicaId[]): Promise<readonly ReplicaId[]> {
    if (this.#round !== null || members.length === 0) return this.#round === null ? Promise.resolve([]) : this.#results;
    const nowMs = this.#options.clock.monotonicMs();
    this.#options.stats.scrubs++;
    this.#results = new Promise((resolve) => {
      const deadlineMs = nowMs + this.#options.timeoutMs;
      this.#round = { waiting: new Set(members), differing: [], deadlineMs, askedMs: nowMs, resolve };
    });
    for (const member of members) this.#ask(member);
    return this.#results;
  }

  /** The engine saw another range hash at the same vector. */
  onMismatch(peer: ReplicaId): void {
    this.#options.stats.integrityMismatches++;
    this.#options.logger.warn('integrity_mismatch', { peer });
    this.#ask(peer);
  }

  #ask(to: ReplicaId): void {
    const kv = this.#options.kv();
    const { collectedTo } = kv;
    const leaves = kv.leaves();
    this.#options.send({
      type: 'scrubLeaves',
      from: this.#options.self,
      to,
      vector: this.#vector(kv),
      collectedTo,
      leaves,
    });
  }

  #vector(kv: DottedStateMachine): readonly Dot[] {
    return dotsOf(kv.vector);
  }

  onLeaves({ from, vector, collectedTo, leaves }: ScrubLeaves): void {
    const kv = this.#options.kv();
    if (!sameVector(kv.vector, vectorOf(vector)) || kv.collectedTo !== collectedTo) return;
    const differing = differingLeaves(kv.leaves(), leaves);
    if (differing === null) return;
    if (differing.length > 0) {
      this.#options.stats.integrityMismatches++;
      this.#options.logger.warn('integrity_mismatch', { peer: from, leaves: differing.length });
    }
    this.#sendItems(from, kv, differing, true);
  }

  /** Without leaves: they are the same. */
  #sendItems(to: ReplicaId, kv: DottedStateMachine, differing: readonly number[], respond: boolean): void {
    let leaves = differing.slice(0, LEAVES_MAX);
    let items = leaves.length === 0 ? NO_ITEMS : kv.itemsOfLeaves(leaves);
    while (items.length > ITEM_BYTES_MAX && leaves.length > 1) {
      leaves = leaves.slice(0, Math.ceil(leaves.length / 2));
      items = kv.itemsOfLeaves(leaves);
    }
    const vector = this.#vector(kv);
    const answer = respond && leaves.length > 0;
    this.#options.send({ type: 'scrubItems', from: this.#options.self, to, vector, leaves, items, respond: answer });
  }

  onItems({ from, vector, leaves, items, respond }: ScrubItems): void {
    const kv = this.#options.kv();
    if (leaves.length > 0 && sameVector(kv.vector, vectorOf(vector))) this.#repair(kv, from, items);
    if (respond) this.#sendItems(from, kv, leaves, false);
    const round = this.#round;
    if (round === null || !round.waiting.delete(from)) return;
    if (leaves.length > 0) round.differing.push(from);
    if (round.waiting.size === 0) this.#end(round);
  }

  #repair(kv: DottedStateMachine, from: ReplicaId, items: Uint8Array): void {
    try {
      const repaired = kv.mergeItems(items);
      this.#options.stats.itemsRepaired += repaired;
      this.#options.logger.warn('integrity_repaired', { peer: from, items: repaired });
    } catch (error) {
      if (!isKvorumError(error)) throw error;
      this.#options.logger.warn('scrub_items_refused', { peer: from, reason: error.message });
    }
  }

  check(nowMs: number): void {
    const round = this.#round;
    if (round === null) return;
    if (nowMs >= round.deadlineMs) this.#end(round);
    else if (nowMs - round.askedMs >= AGAIN_MS) {
      round.askedMs = nowMs;
      for (const member of round.waiting) this.#ask(member);
    }
  }

  #end(round: Round): void {
    this.#round = null;
    round.resolve(round.differing);
  }

  stop(): void {
    if (this.#round !== null) this.#end(this.#round);
  }
}

/** Null: theirs are of another form. */
function differingLeaves(ours: Uint8Array, theirs: Uint8Array): number[] | null {
  if (ours.length !== theirs.length) return null;
  const differing: number[] = [];
  for (let at = 0; at < ours.length; at++) {
    if (ours[at] === theirs[at]) continue;
    const leaf = Math.floor(at / LEAF_BYTES);
    differing.push(leaf);
    at = (leaf + 1) * LEAF_BYTES - 1;
  }
  return differing;
}
