import type { ReplicaId } from '../../../base/brand.js';
import type { SimProcess } from '../../world/types.js';
import { nemesis, type Nemesis, type Stage } from './stage.js';

/** How long to wait for a leader, or until a snapshot arrives; afterwards the moment has passed. */
const WITHIN_MS = 10_000;

/** Cuts both directions between `process` and each of `others`, silently; returns what takes it back. */
function separate(stage: Stage, process: SimProcess, others: readonly SimProcess[]): () => void {
  const links = others.flatMap(({ id }): (readonly [ReplicaId, ReplicaId])[] => [
    [process.id, id],
    [id, process.id],
  ]);
  for (const [from, to] of links) stage.cut(from, to, true);
  return () => {
    for (const [from, to] of links) stage.heal(from, to);
  };
}

/**
 * Situations of several steps, each in a certain order, that random draws have not come upon. They are never drawn: plans
 * that somebody wrote have them, such as those of mutants that nothing else shows (test/mutants/plans).
 */
export const DIRECTED_NEMESES: readonly Nemesis[] = [
  // What the leader and a voter that joined later agreed on is on one disk only, once the joiner's is wiped: the voter that
  // was cut off meanwhile must not lead with the help of the empty one (raft.md M4).
  nemesis(
    'wipe-joined-voter',
    ['wipe', 'crash', 'partition', 'membership'],
    { lagMs: [150], restartMs: [20], awayMs: [2000] },
    (stage, { awayMs, lagMs, restartMs }) => {
      const leader = stage.leader();
      const victim = stage
        .members()
        .filter((process) => process !== leader)
        .at(-1);
      if (leader === null || victim === undefined) return;
      const lagging = stage.members().filter((process) => process !== leader && process !== victim);
      const heal = separate(stage, leader, lagging);
      stage.after(lagMs, () => {
        stage.crash(leader, 'nothing', awayMs);
        if (!stage.atlas.claim(victim)) return;
        stage.crash(victim, 'nothing', restartMs);
        victim.wipe();
      });
      stage.after(lagMs + awayMs, heal);
    },
  ),
  // A leader that was cut off has appended more than its successor has when that one makes a checkpoint and cuts its log: it
  // gets a snapshot that its own entries contradict. The power goes before its log says that they are void (raft.md S5).
  nemesis(
    'power-after-install',
    ['partition', 'power', 'checkpoint'],
    { workMs: [15], checkpointMs: [60], loss: ['unsynced', 'sectors'], restartMs: [20] },
    (stage, { checkpointMs, loss, restartMs, workMs }) => {
      const alone = stage.leader();
      if (alone === null) return;
      const others = stage.members().filter((process) => process !== alone);
      const heal = separate(stage, alone, others);
      stage.once('elected', WITHIN_MS, (successor) => {
        stage.after(workMs, () => {
          if (successor.state === 'running') successor.checkpoint();
        });
        stage.after(workMs + checkpointMs, heal);
      });
      stage.once('installed', WITHIN_MS, (process) => stage.crash(process, loss, restartMs));
    },
  ),
];
