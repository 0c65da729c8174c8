import { SEMISYNC_MUTANTS } from './catalogue/semisync.js';
import { testNoticed } from './notice.js';

testNoticed('write quorums', [...SEMISYNC_MUTANTS]);
