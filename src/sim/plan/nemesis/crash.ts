import type { Prng } from '../../../base/prng.js';
import { pick } from '../dice.js';
import type { CrashLoss, SimProcess } from '../../world/types.js';
import { nemesis, shuffled, type Nemesis, type Stage, type Trigger } from './stage.js';

/** From a supervisor that restarts at once to a machine that boots (reliability.md §3.2). */
const RESTART_MS = [2, 2, 20, 20, 300, 300, 5000] as const;
/** Of the others, when several go down at once: a group that is down for seconds does nothing in that time. */
const OTHERS_RESTART_MS = [2, 20, 300] as const;
const LOSSES = ['unsynced', 'sectors', 'sectors', 'bytes'] as const;
const WHEN = ['now', 'elected', 'committed', 'appending'] as const;
/** How long to wait for the instant; afterwards the moment has passed. */
const TRIGGER_WITHIN_MS = 3000;

function at(stage: Stage, when: 'now' | Trigger, task: (leader: SimProcess | null) => void): void {
  if (when === 'now') task(stage.leader());
  else stage.once(when, TRIGGER_WITHIN_MS, task);
}

function crashAll(
  stage: Stage,
  prng: Prng,
  processes: readonly SimProcess[],
  loss: CrashLoss,
  restartMs: number,
): void {
  for (const [at, process] of processes.entries()) {
    stage.crash(process, loss, at === 0 ? restartMs : pick(prng, OTHERS_RESTART_MS));
  }
}

export const CRASH_NEMESES: readonly Nemesis[] = [
  nemesis(
    'crash-leader',
    ['crash'],
    { when: WHEN, delayMs: [0, 0, 1, 5], restartMs: RESTART_MS },
    (stage, { delayMs, restartMs, when }) =>
      at(stage, when, (leader) => {
        stage.after(delayMs, () => {
          if (leader !== null) stage.crash(leader, 'nothing', restartMs);
        });
      }),
  ),
  nemesis(
    'crash',
    ['crash'],
    { target: ['follower', 'any', 'minority', 'majority', 'all'], restartMs: RESTART_MS },
    (stage, { restartMs, target }, prng) => crashAll(stage, prng, stage.pick(prng, target), 'nothing', restartMs),
  ),
  // In and out again and again: recovery itself is interrupted.
  nemesis(
    'crash-loop',
    ['crash'],
    { target: ['leader', 'any'], times: [3, 6], everyMs: [5, 40, 200], restartMs: [2, 20] },
    (stage, { everyMs, restartMs, target, times }, prng) => {
      const [victim] = stage.pick(prng, target);
      if (victim === undefined) return;
      for (let round = 0; round < times; round++) {
        stage.after(round * (everyMs + restartMs), () => stage.crash(victim, 'nothing', restartMs));
      }
    },
  ),
  // A leader that went on alone comes back, with more in its log than anybody, just when its successor has begun and is gone.
  nemesis(
    'usurper',
    ['crash', 'partition'],
    { afterMs: [2, 10, 50, 200], restartMs: [300, 5000], silent: [true, false] },
    (stage, { afterMs, restartMs, silent }) => {
      const alone = stage.leader();
      if (alone === null) return;
      const links = stage.members().flatMap(({ id }) =>
        id === alone.id
          ? []
          : ([
              [alone.id, id],
              [id, alone.id],
            ] as const),
      );
      let isAlone = true;
      const heal = (): void => {
        if (isAlone) for (const [from, to] of links) stage.heal(from, to);
        isAlone = false;
      };
      for (const [from, to] of links) stage.cut(from, to, silent);
      stage.once('elected', TRIGGER_WITHIN_MS, (successor) => {
        stage.after(afterMs, () => {
          heal();
          if (successor !== alone) stage.crash(successor, 'nothing', restartMs);
        });
      });
      stage.after(2 * TRIGGER_WITHIN_MS, heal);
    },
  ),
  // Whoever confirmed the leader's lease restarts, and is asked for a vote by one that has not heard the leader (raft.md E9).
  nemesis(
    'forgetful-voters',
    ['crash', 'partition'],
    { elections: [1.1, 1.6, 2.5], times: [3, 8], everyMs: [20, 60], restartMs: [2, 20] },
    (stage, { elections, everyMs, restartMs, times }, prng) => {
      const apartMs = elections * stage.world.topology.timing.electionTimeoutMs[0];
      const leader = stage.leader();
      const [apart, ...voters] = shuffled(prng, stage.members()).filter((process) => process !== leader);
      if (leader === null || apart === undefined) return;
      const links = [
        [leader.id, apart.id],
        [apart.id, leader.id],
      ] as const;
      for (const [from, to] of links) stage.cut(from, to, true);
      for (let round = 0; round < times; round++) {
        stage.after(apartMs + round * (everyMs + restartMs), () => {
          for (const voter of voters) stage.crash(voter, 'nothing', restartMs);
        });
      }
      stage.after(apartMs + (times + 2) * (everyMs + restartMs), () => {
        for (const [from, to] of links) stage.heal(from, to);
      });
    },
  ),
  nemesis(
    'power-leader',
    ['power'],
    { when: WHEN, delayMs: [0, 0, 1, 5], loss: LOSSES, restartMs: RESTART_MS },
    (stage, { delayMs, loss, restartMs, when }) =>
      at(stage, when, (leader) => {
        stage.after(delayMs, () => {
          if (leader !== null) stage.crash(leader, loss, restartMs);
        });
      }),
  ),
  // Correlated power loss: of all the faults, the one that found the most (reliability.md §3.8).
  nemesis(
    'power',
    ['power'],
    { target: ['all', 'all', 'majority', 'minority', 'any'], loss: LOSSES, restartMs: RESTART_MS },
    (stage, { loss, restartMs, target }, prng) => crashAll(stage, prng, stage.pick(prng, target), loss, restartMs),
  ),
  // While entries are on their way to several disks at once, and on none of them yet.
  nemesis(
    'power-in-sync-window',
    ['power'],
    {
      when: ['appending', 'appending', 'elected', 'committed'],
      delayMs: [0, 1, 2, 4, 8],
      target: ['majority', 'all', 'minority'],
      loss: LOSSES,
      restartMs: RESTART_MS,
    },
    (stage, { delayMs, loss, restartMs, target, when }, prng) =>
      stage.once(when, TRIGGER_WITHIN_MS, () => {
        stage.after(delayMs, () => crashAll(stage, prng, stage.pick(prng, target), loss, restartMs));
      }),
  ),
  // The machine is back before the others have noticed, with less than it had.
  nemesis(
    'power-flicker',
    ['power'],
    { target: ['any', 'follower', 'majority'], loss: LOSSES, times: [2, 4], everyMs: [10, 60, 300] },
    (stage, { everyMs, loss, target, times }, prng) => {
      const victims = stage.pick(prng, target);
      for (let round = 0; round < times; round++) {
        stage.after(round * everyMs, () => crashAll(stage, prng, victims, loss, 2));
      }
    },
  ),
];
