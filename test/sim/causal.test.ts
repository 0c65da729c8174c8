import t from 'tap';
import { checkLeaderlessPower, sweepOf } from './sweep.js';

t.test('200 worlds of causal with every fault there is keep every promise (reliability.md §3.3)', async (t) => {
  checkLeaderlessPower(t, await sweepOf(t, 'causal', 200));
});
