import t from 'tap';
import { QUORUM_RULES, type QuorumRules } from '../../../../src/engines/semisync/quorum.js';
import { Run } from './model.js';
import type { NetworkOptions } from './network.js';

const SEEDS = Number(process.env['SEMISYNC_SEEDS'] ?? 300);
const FIRST_SEED = Number(process.env['SEMISYNC_FIRST_SEED'] ?? 1);
const STEPS = Number(process.env['SEMISYNC_STEPS'] ?? 1500);

t.test('ap.md §1.3: safety under any faults, progress after them', async (t) => {
  const total = {
    committed: 0,
    acknowledged: 0,
    reads: 0,
    promotions: 0,
    quorumChanges: 0,
    forced: 0,
    lost: 0,
    discarded: 0,
  };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const run = new Run(seed);
    try {
      for (let at = 0; at < STEPS; at++) run.step();
      run.recover();
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      break;
    }
    const { checker, members } = run.network;
    total.committed += checker.committed.length;
    total.acknowledged += checker.acknowledged;
    total.promotions += checker.promotions;
    total.quorumChanges += checker.quorumChanges;
    total.discarded += checker.discarded;
    total.lost += checker.lost.size;
    if (checker.forced) total.forced++;
    for (const { reads } of members.values()) total.reads += reads.filter(({ index }) => index !== null).length;
  }
  t.comment(`${SEEDS} seeds: ${JSON.stringify(total)}`);
  t.ok(total.acknowledged > SEEDS * 5, 'the runs did real work');
  t.ok(total.reads > SEEDS && total.promotions > SEEDS && total.quorumChanges > SEEDS, 'of all kinds');
  t.ok(total.forced > SEEDS / 20 && total.lost > 0 && total.discarded > 0, 'force was used, and cost something');
});
