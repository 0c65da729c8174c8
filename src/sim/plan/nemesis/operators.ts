import { isolate } from './network.js';
import { nemesis, type Nemesis, type Stage } from './stage.js';

/** Beyond this the group does not grow, below it does not shrink. */
const MEMBERS_MAX = 7;
const MEMBERS_MIN = 2;

function growOne(stage: Stage): void {
  if (stage.members().length < MEMBERS_MAX) stage.operator.grow();
}

export const OPERATOR_NEMESES: readonly Nemesis[] = [
  nemesis('transfer', ['transfer'], { to: ['anybody', 'follower', 'any'] }, (stage, { to }, prng) => {
    if (to === 'anybody') stage.operator.transfer(null);
    else stage.operator.transfer(stage.pick(prng, to)[0] ?? null);
  }),
  nemesis(
    'transfer-storm',
    ['transfer'],
    { times: [3, 8], everyMs: [10, 80, 300] },
    (stage, { everyMs, times }, prng) => {
      for (let round = 0; round < times; round++) {
        stage.after(round * everyMs, () => stage.operator.transfer(stage.pick(prng, 'any')[0] ?? null));
      }
    },
  ),
  nemesis('checkpoint', ['checkpoint'], { target: ['leader', 'any', 'all'] }, (stage, { target }, prng) => {
    for (const process of stage.pick(prng, target)) if (process.state === 'running') process.checkpoint();
  }),
  nemesis('grow', ['membership'], { times: [1, 1, 2] }, (stage, { times }) => {
    for (let round = 0; round < times; round++) growOne(stage);
  }),
  nemesis('remove', ['membership'], { target: ['leader', 'follower', 'any'] }, (stage, { target }, prng) => {
    const [process] = stage.pick(prng, target);
    if (process !== undefined && stage.members().length > MEMBERS_MIN) stage.operator.remove(process);
  }),
  nemesis('replace', ['membership'], { target: ['leader', 'follower', 'any'] }, (stage, { target }, prng) => {
    const [process] = stage.pick(prng, target);
    if (process !== undefined) stage.operator.replace(process);
  }),
  nemesis('add-again', ['membership'], {}, (stage, _options, prng) => stage.operator.addAgain(prng)),
  // Raft's membership bugs need a partition while the change is under way (raft.md M1, M2).
  nemesis(
    'cut-change',
    ['membership', 'partition'],
    {
      change: ['grow', 'remove', 'replace'],
      afterMs: [1, 10, 60, 250],
      target: ['leader', 'leader', 'follower', 'minority'],
      direction: ['in', 'out', 'both'],
      durationMs: [400, 1500, 4000],
      silent: [true, false],
    },
    (stage, { afterMs, change, direction, durationMs, silent, target }, prng) => {
      const [victim] = stage.pick(prng, 'any');
      if (change === 'grow' || victim === undefined) growOne(stage);
      else if (change === 'replace') stage.operator.replace(victim);
      else if (stage.members().length > MEMBERS_MIN) stage.operator.remove(victim);
      stage.after(afterMs, () => {
        const isolated = stage.pick(prng, target).map(({ id }) => id);
        isolate(stage, isolated, direction, durationMs, silent);
      });
    },
  ),
  nemesis(
    'crash-change',
    ['membership', 'crash'],
    {
      change: ['grow', 'remove'],
      afterMs: [1, 10, 60, 250],
      target: ['leader', 'majority', 'all'],
      restartMs: [2, 20, 300],
    },
    (stage, { afterMs, change, restartMs, target }, prng) => {
      const [victim] = stage.pick(prng, 'any');
      if (change === 'grow') growOne(stage);
      else if (victim !== undefined && stage.members().length > MEMBERS_MIN) stage.operator.remove(victim);
      stage.after(afterMs, () => {
        for (const process of stage.pick(prng, target)) stage.crash(process, 'nothing', restartMs);
      });
    },
  ),
];
