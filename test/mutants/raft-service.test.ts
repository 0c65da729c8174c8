import { READ_MUTANTS } from './catalogue/reads.js';
import { MEMBERSHIP_MUTANTS } from './catalogue/membership.js';
import { STATE_MUTANTS } from './catalogue/state.js';
import { testNoticed } from './notice.js';

testNoticed('what raft serves, members and state', [...READ_MUTANTS, ...MEMBERSHIP_MUTANTS, ...STATE_MUTANTS]);
