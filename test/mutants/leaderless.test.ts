import { LEADERLESS_MUTANTS } from './catalogue/leaderless.js';
import { ORIGIN_MUTANTS } from './catalogue/origins.js';
import { testNoticed } from './notice.js';

testNoticed('keyspaces without a leader', [...LEADERLESS_MUTANTS, ...ORIGIN_MUTANTS]);
