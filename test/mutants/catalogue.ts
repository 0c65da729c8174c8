import type { Mutant } from './mutant.js';
import { CONSENSUS_MUTANTS } from './catalogue/consensus.js';
import { DURABILITY_MUTANTS } from './catalogue/durability.js';
import { LEADERLESS_MUTANTS } from './catalogue/leaderless.js';
import { MEMBERSHIP_MUTANTS } from './catalogue/membership.js';
import { ORIGIN_MUTANTS } from './catalogue/origins.js';
import { READ_MUTANTS } from './catalogue/reads.js';
import { SEMISYNC_MUTANTS } from './catalogue/semisync.js';
import { STATE_MUTANTS } from './catalogue/state.js';

export type { Mutant } from './mutant.js';

/** Every known way in which the program could be wrong and seem right. */
export const MUTANTS: readonly Mutant[] = [
  ...DURABILITY_MUTANTS,
  ...CONSENSUS_MUTANTS,
  ...READ_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...STATE_MUTANTS,
  ...LEADERLESS_MUTANTS,
  ...ORIGIN_MUTANTS,
  ...SEMISYNC_MUTANTS,
];
