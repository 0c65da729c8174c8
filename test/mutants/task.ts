import type { FaultClass } from '../../src/sim/plan/faults.js';
import type { SimulatedEngine } from '../../src/sim/plan/plan.js';

/** What a child process is asked to do. */
export interface Task {
  /** Null: the program as it is. */
  readonly mutant: string | null;
  /** The compiled files that the mutant must have changed once the simulator is loaded. */
  readonly files: readonly string[];
  readonly engine: SimulatedEngine;
  readonly faults: readonly FaultClass[] | null;
  /** The path of a plan that is run instead of seeds; null: seeds. */
  readonly plan: string | null;
  /** Violations that do not count. */
  readonly vague: readonly string[];
  /** Tried in order until one fails. */
  readonly seeds: readonly number[];
}

export type ChildMessage =
  | { readonly type: 'seed'; readonly seed: number }
  | { readonly type: 'found'; readonly seed: number | null; readonly invariant: string; readonly detail: string }
  | { readonly type: 'nothing' }
  /** The search itself went wrong. */
  | { readonly type: 'failed'; readonly detail: string };
