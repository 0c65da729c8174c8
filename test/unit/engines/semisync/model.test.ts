import t from 'tap';
import type { LogIndex } from '../../../../src/base/brand.js';
import type { PlacedQuorum, Tail } from '../../../../src/engines/semisync/messages.js';
import { QUORUM_RULES, type QuorumRules } from '../../../../src/engines/semisync/quorum.js';
import { Run, type RunOptions } from './model.js';

const SEEDS = Number(process.env['SEMISYNC_SEEDS'] ?? 200);
const FIRST_SEED = Number(process.env['SEMISYNC_FIRST_SEED'] ?? 1);
const STEPS = Number(process.env['SEMISYNC_STEPS'] ?? 1500);

/** Null when nothing was violated. */
function violation(seed: number, options: RunOptions): { readonly run: Run | null; readonly error: unknown } {
  try {
    const run = new Run(seed, options);
    for (let at = 0; at < STEPS; at++) run.step();
    run.recover();
    return { run, error: null };
  } catch (error) {
    return { run: null, error };
  }
}

for (const focus of [null, 'promotions', 'quorums'] as const) {
  t.test(`ap.md §1.3: safety under any faults, progress after them (${focus ?? 'no'} focus)`, async (t) => {
    const total = {
      fullSyncs: 0,
      acknowledged: 0,
      reads: 0,
      promotions: 0,
      quorumChanges: 0,
      forced: 0,
      chosen: 0,
      lost: 0,
      discarded: 0,
    };
    const seeds = focus === null ? SEEDS : Math.ceil(SEEDS / 2);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
      const { error, run } = violation(seed, { focus });
      if (run === null) {
        t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        break;
      }
      const { checker, fullSyncs, members } = run.network;
      total.fullSyncs += fullSyncs;
      total.acknowledged += checker.acknowledged;
      total.promotions += checker.promotions;
      total.quorumChanges += checker.quorumChanges;
      total.discarded += checker.discarded;
      total.lost += checker.lost.size;
      total.chosen += checker.chosen;
      if (checker.forced) total.forced++;
      for (const { reads } of members.values()) total.reads += reads.filter(({ index }) => index !== null).length;
    }
    t.comment(`${seeds} seeds: ${JSON.stringify(total)}`);
    t.ok(total.acknowledged > seeds * 5, 'the runs did real work');
    t.ok(total.reads > seeds && total.promotions > seeds && total.quorumChanges > seeds, 'of all kinds');
    t.ok(total.fullSyncs > seeds / 4, 'full syncs too');
    t.ok(total.chosen > (focus === 'quorums' ? seeds : seeds / 10), 'epochs began with write quorums of their own');
    t.ok(total.forced > seeds / 20 && total.lost > 0 && total.discarded > 0, 'force was used, and cost something');
  });
}

/** What was changed last, instead of the smallest of what may be in force. */
function newest(tails: Iterable<Tail>): number {
  let best: PlacedQuorum | null = null;
  for (const { commit, forcedTerm, quorums, writeQuorum } of [...tails].map((tail) => ({ ...tail, forcedTerm: 0 }))) {
    const inForce = { index: commit, writeQuorum, forcedTerm } as PlacedQuorum;
    for (const placed of [inForce, ...quorums]) if (best === null || placed.index > best.index) best = placed;
  }
  return best?.writeQuorum ?? 0;
}

const wrong = (rules: Partial<QuorumRules>): RunOptions => ({ rules: { ...QUORUM_RULES, ...rules } });

/** Negative controls: a model that does not find these proves nothing. */
const CONTROLS: Readonly<Record<string, RunOptions>> = {
  'the leader counted as one of the W': wrong({
    reached: (own, followers, writeQuorum) =>
      writeQuorum === 0
        ? own
        : (Math.min(own, [own, ...followers].sort((a, b) => b - a)[writeQuorum - 1] ?? 0) as LogIndex),
  }),
  'the newest write quorum instead of the smallest': wrong({ smallestQuorum: newest }),
  'a promise that is not on disk': { forgetPromises: true },
  'one promise too few': wrong({
    promises: (followers, writeQuorum) => Math.max(1, QUORUM_RULES.promises(followers, writeQuorum) - 1),
  }),
  'an epoch with another write quorum, of which half of the members need not know': {
    ...wrong({ forcedStart: () => 0 }),
    focus: 'quorums',
  },
};

const CONTROL_SEEDS_MAX = 300;

t.test('negative controls: the model finds every rule that is left out', async (t) => {
  for (const [name, options] of Object.entries(CONTROLS)) {
    let found: { readonly seed: number; readonly error: unknown } | null = null;
    for (let seed = 1; seed <= CONTROL_SEEDS_MAX && found === null; seed++) {
      const { error } = violation(seed, { mayForce: false, focus: 'promotions', ...options });
      if (error !== null) found = { seed, error };
    }
    t.match(String(found?.error), /violated: /, `${name}: seed ${found?.seed}`);
  }
});
