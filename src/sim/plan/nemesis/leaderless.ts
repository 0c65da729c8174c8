import { createPrng } from '../../../base/prng.js';
import type { SimProcess } from '../../world/types.js';
import { nemesis, shuffled, type Nemesis, type Stage } from './stage.js';

const LOSSES = ['nothing', 'unsynced', 'bytes'] as const;

function putBack(stage: Stage, process: SimProcess, loss: (typeof LOSSES)[number], restartMs: number): void {
  if (!stage.atlas.claim(process)) return;
  stage.crash(process, loss, restartMs);
  process.rollBack();
}

/** What happens to groups without a leader only. How often: plan/draw/leaderless.ts. */
export const LEADERLESS_NEMESES: readonly Nemesis[] = [
  // A volume is restored, a machine set back to a snapshot of it (ap.md §1.0.1 rule 2).
  nemesis(
    'roll-back',
    ['rollback'],
    { target: ['any', 'any', 'minority'], ageMs: [20, 100, 500, 1500], loss: LOSSES, restartMs: [2, 20, 300] },
    (stage, { ageMs, loss, restartMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        process.disk.keep();
        stage.after(ageMs, () => putBack(stage, process, loss, restartMs));
      }
    },
  ),
  // Somebody is alone with what it accepts, for a while, and goes down when it has passed it on to one other, or to nobody:
  // what others have of it must come to all of them from those (ap.md §1.0.3).
  nemesis(
    'sole-holder',
    ['partition', 'crash'],
    { aloneMs: [50, 200, 600], togetherMs: [1, 5, 20, 100], restartMs: [20, 1000, 4000], silent: [true, false] },
    (stage, { aloneMs, restartMs, silent, togetherMs }, prng) => {
      const [sole, next, ...others] = shuffled(prng, stage.members());
      if (sole === undefined || next === undefined) return;
      const cut = (from: SimProcess, to: SimProcess): void => {
        stage.cut(from.id, to.id, silent);
        stage.cut(to.id, from.id, silent);
      };
      const heal = (from: SimProcess, to: SimProcess): void => {
        stage.heal(from.id, to.id);
        stage.heal(to.id, from.id);
      };
      for (const other of [next, ...others]) cut(sole, other);
      stage.after(aloneMs, () => heal(sole, next));
      stage.after(aloneMs + togetherMs, () => stage.crash(sole, 'nothing', restartMs));
      stage.after(aloneMs + togetherMs + restartMs, () => {
        for (const other of others) heal(sole, other);
      });
    },
  ),
  // A member gone wrong, or somebody in its place: counters that nobody can have counted to (ap.md §1.0.2).
  nemesis(
    'hostile',
    ['hostile'],
    { what: ['digest', 'delta'], power: [44, 51, 52], target: ['any', 'all'] },
    (stage, { power, target, what }, prng) => {
      const dice = createPrng(prng.uint32());
      for (const process of stage.pick(prng, target)) stage.forge(process, what, 2 ** power, dice);
    },
  ),
];
