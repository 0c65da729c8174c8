import type { SimulatedEngine } from '../../src/sim/plan/plan.js';
import type { FaultClass } from '../../src/sim/plan/faults.js';

/** One bug, put into the compiled program when it is loaded. Production code knows nothing of it. */
export interface Mutant {
  readonly name: string;
  /** What goes wrong, in a few words. */
  readonly title: string;
  /** The rule that it breaks, as the comments cite it. */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** The engine whose worlds it is looked for in; absent: raft. */
  readonly engine?: SimulatedEngine;
  /** The classes of faults that its search draws from; absent: all. Fewer make a rare combination common. */
  readonly faults?: readonly FaultClass[];
  /** The file of a plan that was written to show it, because no seed does: it is run instead of seeds. */
  readonly plan?: string;
  /**
   * The unit test that notices it, where worlds in which it shows are rare, or show it late: it is run instead of seeds.
   */
  readonly test?: string;
  /** Of VAGUE: what this one is known to show itself by. */
  readonly shows?: readonly string[];
}

/** What many faults lead to, in the program or in the simulator: not proof enough, but where a mutant says so. */
export const VAGUE: readonly string[] = [
  'liveness',
  'convergence',
  'simulator',
  'sound-disk-refused',
  'checker-failed',
];

/** `find` occurs exactly once in the compiled file, or loading it fails. */
export interface Edit {
  /** Of the compiled tree, for example `src/engines/raft/send.js`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * What a search found: the first seed that failed (null: the mutant's own plan or test), and what was broken then: an
 * invariant, or the test.
 */
export interface Finding {
  readonly seed: number | null;
  readonly invariant: string;
}

/** The compiled files that it changes. */
export function filesOf({ edits }: Mutant): string[] {
  return [...new Set(edits.map(({ file }) => file))];
}
