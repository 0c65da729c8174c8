import type { FaultClass } from '../faults.js';
import type { SimulatedEngine } from '../plan.js';

export interface DrawOptions {
  /** raft by default. */
  readonly engine?: SimulatedEngine | undefined;
  /** The classes of faults that may exist. */
  readonly faults: readonly FaultClass[];
  /** Undefined: drawn. */
  readonly replicas?: number | undefined;
}
