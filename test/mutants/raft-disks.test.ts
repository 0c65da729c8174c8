import { DURABILITY_MUTANTS } from './catalogue/durability.js';
import { CONSENSUS_MUTANTS } from './catalogue/consensus.js';
import { testNoticed } from './notice.js';

testNoticed('what raft keeps and agrees on', [...DURABILITY_MUTANTS, ...CONSENSUS_MUTANTS]);
