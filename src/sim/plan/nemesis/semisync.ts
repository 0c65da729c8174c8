import type { SimProcess } from '../../world/types.js';
import { isolate } from './network.js';
import { nemesis, shuffled, type Nemesis, type Stage } from './stage.js';

const LOSSES = ['nothing', 'unsynced', 'bytes'] as const;
const RESTART_MS = [2, 20, 300, 3000] as const;

/** Cuts every link between the two sides, both ways, for so long. */
function partFor(stage: Stage, side: readonly SimProcess[], durationMs: number, silent: boolean): void {
  isolate(
    stage,
    side.map(({ id }) => id),
    'both',
    durationMs,
    silent,
  );
}

/** What happens to leader-follower groups only. How often: plan/draw/semisync.ts. */
export const SEMISYNC_NEMESES: readonly Nemesis[] = [
  nemesis(
    'set-quorum',
    ['quorum'],
    { share: [0, 0.34, 0.67, 1], times: [1, 1, 2, 4], everyMs: [0, 5, 60] },
    (stage, { everyMs, share, times }, prng) => {
      for (let round = 0; round < times; round++) {
        const wanted = round % 2 === 0 ? share : 1 - share;
        stage.after(round * everyMs, () => stage.quorums?.setQuorum(wanted, prng));
      }
    },
  ),
  // The change is on the leader's disk, on some followers' or on none, when it goes (ap.md §1.3.4).
  nemesis(
    'crash-quorum',
    ['quorum', 'crash'],
    { share: [0, 0, 0.5, 1], afterMs: [0, 1, 3, 8, 20], loss: LOSSES, restartMs: RESTART_MS },
    (stage, { afterMs, loss, restartMs, share }, prng) => {
      const leader = stage.leader();
      stage.quorums?.setQuorum(share, prng);
      stage.after(afterMs, () => {
        if (leader !== null) stage.crash(leader, loss, restartMs);
      });
    },
  ),
  nemesis(
    'promote',
    ['promotion'],
    { target: ['follower', 'follower', 'any'], times: [1, 1, 3], everyMs: [5, 50, 300] },
    (stage, { everyMs, target, times }, prng) => {
      for (let round = 0; round < times; round++) {
        stage.after(round * everyMs, () => {
          for (const process of stage.pick(prng, target)) stage.quorums?.promote(process, false);
        });
      }
    },
  ),
  // The leader is cut off with what it has just appended; somebody else takes over and goes on; then the next one.
  nemesis(
    'upheaval',
    ['promotion', 'partition'],
    {
      rounds: [1, 2, 3],
      change: [true, false],
      workMs: [5, 30, 150],
      takeOverMs: [20, 100, 400],
      silent: [true, false],
    },
    (stage, { change, rounds, silent, takeOverMs, workMs }, prng) => {
      for (let round = 0; round < rounds; round++) {
        stage.after(round * (workMs + takeOverMs), () => {
          const alone = stage.leader();
          if (alone === null) return;
          partFor(stage, [alone], workMs + takeOverMs, silent);
          if (change) stage.quorums?.setQuorum(prng.float(), prng);
          stage.after(workMs, () => {
            const [next] = shuffled(prng, stage.members()).filter((process) => process !== alone);
            if (next !== undefined) stage.quorums?.promote(next, false);
          });
        });
      }
    },
  ),
  nemesis('force', ['force'], { target: ['follower', 'any'] }, (stage, { target }, prng) => {
    for (const process of stage.pick(prng, target)) stage.quorums?.promote(process, true);
  }),
  // Somebody loses patience on one side of a cut; the other side may go on as well (ap.md §1.3.6).
  nemesis(
    'force-apart',
    ['force', 'partition'],
    { side: ['one', 'half'], waitMs: [5, 100, 400], durationMs: [600, 1500, 4000], silent: [true, false] },
    (stage, { durationMs, side, silent, waitMs }, prng) => {
      const leader = stage.leader();
      const mixed = shuffled(prng, stage.members()).filter((process) => process !== leader);
      const apart = mixed.slice(0, side === 'one' ? 1 : Math.ceil(mixed.length / 2));
      const [forced] = apart;
      if (forced === undefined) return;
      partFor(stage, apart, durationMs, silent);
      stage.after(waitMs, () => stage.quorums?.promote(forced, true));
    },
  ),
];
