import t from 'tap';
import type { LogIndex } from '../../../../src/base/brand.js';
import { clockOf, vouch } from '../../../../src/engines/semisync/freshness.js';
import type { SemisyncState } from '../../../../src/engines/semisync/state.js';

const CLOCK_BASE = 4000;

function stateAt(tick: number, applied: number): SemisyncState {
  const never = Number.NEGATIVE_INFINITY;
  const freshness = { clockBase: CLOCK_BASE, freshTick: never, stalledTick: never, pending: null };
  return { tick, applied, freshness } as unknown as SemisyncState;
}

t.test(
  'ap.md §1.3.7: a follower is as fresh as its own clock was when it answered, not when it hears of it',
  async (t) => {
    const state = stateAt(10, 5);
    const told = clockOf(state);
    state.tick = 25;
    vouch(state, 5 as LogIndex, told);
    t.equal(state.freshness.freshTick, 10, 'fifteen ticks ago');
    vouch(state, 5 as LogIndex, told - 3);
    t.equal(state.freshness.freshTick, 10, 'what comes late makes nothing older');
    vouch(state, 9 as LogIndex, told + 12);
    t.equal(state.freshness.freshTick, 10, 'what is not applied makes nothing fresher');
    vouch(state, 5 as LogIndex, told + 100);
    t.equal(state.freshness.freshTick, 10, 'what no clock of ours has said was said to a former process');
  },
);
