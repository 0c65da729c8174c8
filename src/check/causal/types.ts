import type { Verdict } from '../check.js';
import type { ModelOptions } from '../model.js';
import type { Operation } from '../operation.js';

/**
 * How much is asked (Bouajjani et al., POPL 2017; ap.md appendix C):
 *
 * - `cc`: causal consistency. Every read is explained by some order of what happened before it.
 * - `ccv`: causal convergence. All of them by one and the same order: that of the versions, where writes have some.
 * - `cm`: causal memory. All reads of a session by one order, which may differ from that of another session.
 *
 * `ccv` and `cm` both contain `cc`; neither contains the other.
 */
export type CausalLevel = 'cc' | 'ccv' | 'cm';

export const CAUSAL_LEVELS: readonly CausalLevel[] = ['cc', 'ccv', 'cm'];

/**
 * What no history of the level has. The first four are those of `cc`. `CyclicVersion` is `CyclicCF` of histories with
 * versions, which say in which order the replicas claim to put writes.
 */
export type Pattern =
  | 'ThinAirRead'
  | 'CyclicCO'
  | 'WriteCOInitRead'
  | 'WriteCORead'
  | 'CyclicCF'
  | 'CyclicVersion'
  | 'WriteHBInitRead'
  | 'CyclicHB';

export interface CausalOptions extends ModelOptions {
  /** `ccv` by default: what a store claims that converges by (Lamport, id). */
  readonly level?: CausalLevel;
}

/** Why a history is refused, in as few operations as could be found. */
export interface Evidence {
  readonly pattern: Pattern | 'ReadYourWrites' | 'MonotonicReads';
  readonly summary: string;
  /** In the order of calls; sentences call the first one [1]. */
  readonly operations: readonly Operation[];
  readonly sentences: readonly string[];
  /** The read that gives it away. */
  readonly culprit: Operation;
}

export interface CausalResult {
  readonly verdict: Verdict;
  readonly level: CausalLevel;
  /** Operations that were checked: neither failed ones nor reads without an answer nor unknown writes that nobody read. */
  readonly operations: number;
  readonly sessions: number;
  readonly keys: number;
  /** Reads that several writes may explain: of these only one that nothing explains is noticed. */
  readonly ambiguous: number;
  readonly violation: Evidence | null;
  /** Why the verdict is `unknown`. */
  readonly undecided: string | null;
}
