import { createPrng } from '../../../base/prng.js';
import type { SimProcess } from '../../world/types.js';
import { nemesis, shuffled, type Nemesis, type Stage } from './stage.js';

const RESTART_MS = [2, 20, 300, 5000] as const;

/** How long a replica may need until it has replaced what it lost, before the operator gives up on it. */
export const REPLACE_AFTER_MS = 500;

/** Runs `damage` while the process is down, and starts it again: it may refuse, and is then replaced. */
function damageAtRest(stage: Stage, victim: SimProcess, restartMs: number, replace: boolean, damage: () => void): void {
  if (!stage.atlas.claim(victim)) return;
  stage.crash(victim, 'nothing', restartMs);
  damage();
  if (replace) stage.after(restartMs + REPLACE_AFTER_MS, () => stage.operator.replace(victim));
}

export const DISK_NEMESES: readonly Nemesis[] = [
  nemesis(
    'slow-disk',
    ['disk'],
    {
      target: ['leader', 'leader', 'follower', 'any', 'majority'],
      syncMs: [30, 150, 600],
      durationMs: [300, 1500, 5000],
    },
    (stage, { durationMs, syncMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        stage.slowDisk(process, { syncMeanMs: syncMs, slowTail: 0 }, durationMs);
      }
    },
  ),
  // The replica must stop, and be told apart from one that lost nothing by nobody (reliability.md §0.5).
  nemesis(
    'disk-error',
    ['disk'],
    { target: ['leader', 'follower', 'any'], fault: ['EIO', 'ENOSPC', 'short write'], count: [1, 2, 3, 5, 9, 17] },
    (stage, { count, fault, target }, prng) => {
      for (const process of stage.pick(prng, target)) process.disk.failNext(count, fault);
    },
  ),
  // A failed sync, and then the power: what the failed sync promised must not have been acknowledged.
  nemesis(
    'disk-error-then-power',
    ['disk', 'power'],
    {
      target: ['leader', 'follower', 'any'],
      fault: ['EIO', 'ENOSPC', 'short write'],
      count: [1, 2, 5],
      delayMs: [1, 20, 200],
      loss: ['unsynced', 'sectors', 'bytes'],
      restartMs: RESTART_MS,
    },
    (stage, { count, delayMs, fault, loss, restartMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        process.disk.failNext(count, fault);
        stage.after(delayMs, () => stage.crash(process, loss, restartMs));
      }
    },
  ),
  nemesis(
    'rot',
    ['rot'],
    { target: ['leader', 'follower', 'any'], bits: [1, 3], restartMs: [20, 300], replace: [true, false] },
    (stage, { bits, replace, restartMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        const dice = createPrng(prng.uint32());
        damageAtRest(stage, process, restartMs, replace, () => {
          for (let bit = 0; bit < bits; bit++) process.disk.rot(dice);
        });
      }
    },
  ),
  // The disk has vouched for what it does not have. What was told because of that must be kept by the others; the replica
  // itself must not go on with what is left (raft.md R1). With the machine still there, nothing may come of it.
  nemesis(
    'lost-sync',
    ['lost-sync'],
    {
      target: ['leader', 'follower', 'any'],
      next: ['power', 'power', 'power', 'kill', 'nothing'],
      afterMs: [0, 1, 5, 20, 100],
      loss: ['unsynced', 'sectors', 'bytes'],
      restartMs: RESTART_MS,
    },
    (stage, { afterMs, loss, next, restartMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        stage.atlas.loseSync(process, () => {
          if (next === 'nothing') return;
          stage.after(afterMs, () => stage.crash(process, next === 'power' ? loss : 'nothing', restartMs));
        });
      }
    },
  ),
  // Under its old id it must be refused (raft.md M4): the operator removes it and adds a new one.
  nemesis(
    'wipe',
    ['wipe'],
    { target: ['leader', 'follower', 'any'], restartMs: [20, 300], replace: [true, false] },
    (stage, { replace, restartMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        damageAtRest(stage, process, restartMs, replace, () => process.wipe());
      }
    },
  ),
  // An entry is on two disks of three; one is wiped, the other one's machine is away: nobody may decide without it (M4).
  nemesis(
    'wipe-while-leader-is-away',
    ['wipe', 'crash', 'partition'],
    { lagMs: [30, 150], restartMs: [2, 20], awayMs: [300, 2000] },
    (stage, { awayMs, lagMs, restartMs }, prng) => {
      const leader = stage.leader();
      const [victim, ...others] = shuffled(prng, stage.members()).filter((process) => process !== leader);
      if (leader === null || victim === undefined) return;
      for (const { id } of others) stage.cut(leader.id, id, true);
      stage.after(lagMs, () => {
        damageAtRest(stage, victim, restartMs, true, () => victim.wipe());
        stage.crash(leader, 'nothing', awayMs);
      });
      stage.after(lagMs + awayMs, () => {
        for (const { id } of others) stage.heal(leader.id, id);
      });
    },
  ),
];

export const PROCESS_NEMESES: readonly Nemesis[] = [
  nemesis(
    'pause',
    ['pause'],
    { target: ['leader', 'leader', 'follower', 'minority', 'majority'], durationMs: [30, 300, 1200, 4000] },
    (stage, { durationMs, target }, prng) => {
      for (const process of stage.pick(prng, target)) stage.pause(process, durationMs);
    },
  ),
  nemesis(
    'slow-process',
    ['pause'],
    { target: ['leader', 'follower', 'any'], turnMs: [1, 5, 25], durationMs: [300, 2000] },
    (stage, { durationMs, target, turnMs }, prng) => {
      for (const process of stage.pick(prng, target)) {
        process.slow(turnMs);
        stage.after(durationMs, () => process.slow(0));
      }
    },
  ),
  nemesis(
    'clock',
    ['clock'],
    {
      target: ['leader', 'follower', 'any', 'all'],
      rate: [0.5, 0.9, 1, 1.1, 2],
      jumpMs: [0, 0, -60_000, 3_600_000],
      durationMs: [500, 3000],
    },
    (stage, { durationMs, jumpMs, rate, target }, prng) => {
      for (const process of stage.pick(prng, target)) {
        process.setClock(rate, jumpMs);
        stage.after(durationMs, () => process.setClock(1, 0));
      }
    },
  ),
];
