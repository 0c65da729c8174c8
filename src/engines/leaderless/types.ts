import type { OriginId } from '../../base/brand.js';
import type { Dot } from '../../base/dot.js';

export type { Dot, Timestamp, Vector } from '../../base/dot.js';

/**
 * The words of the leaderless engines (`lww`, `causal`), after ap.md §1.0.
 *
 * Every replica of a group takes writes. What one replica accepts in one turn of its loop is one *batch*: the next
 * position of its *origin log*. Every member keeps the logs of all origins, each one without a gap (the prefix property:
 * whoever has (o, n) has (o, 1..n)), so that one number per origin, the *vector*, says everything about what it has.
 */

/** What a batch says beside its commands. */
export interface BatchHeader extends Dot {
  /** Which start of the origin's process wrote it; never falls along one origin's log. Entry.term on disk. */
  readonly boot: number;
  /** Lamport counter of the batch's first command; command n (from 0) has `counter + n`. */
  readonly counter: number;
  /** Commands in the payload, and so counters used. At least 1. */
  readonly commands: number;
  /**
   * What had been delivered at the origin when it wrote this, as far as it differs from what the batch before it said. The
   * origin itself is left out (FIFO). causal: a batch is delivered after all of it; whoever has delivered the batch before
   * has met everything that is left out, so the difference suffices (ap.md §1.2.1). lww: nobody waits for it; it
   * tells overwrites that knew what they replaced from those that lost a concurrent value.
   */
  readonly dependencies: readonly Dot[];
  /** The origin's wall clock, milliseconds since 1970: for people and conflict logs, it decides nothing. */
  readonly wallMs: number;
}

/** One batch: header, and the commands as the origin encoded them (command.proto Batch), opaque to the engine. */
export interface OriginBatch extends BatchHeader {
  readonly payload: Uint8Array;
  /** Header and payload as they lie on every disk and go over every wire (batch-codec.ts); encoded once. */
  readonly encoded: Uint8Array;
}

/** A batch as it travels: position and bytes. The receiver decodes the header itself and trusts nothing. */
export interface WireBatch {
  readonly origin: OriginId;
  readonly seq: number;
  readonly boot: number;
  readonly encoded: Uint8Array;
}
