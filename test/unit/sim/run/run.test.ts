import t from 'tap';
import { drawPlan } from '../../../../src/sim/plan/draw/index.js';
import type { NemesisAction, Plan, Scalar } from '../../../../src/sim/plan/plan.js';
import { checkPlan } from '../../../../src/sim/plan/schema.js';
import { runPlan, type RunResult } from '../../../../src/sim/run.js';
import { runTwice } from '../../../../src/sim/runner/determinism.js';
import { acknowledged } from '../../../../src/sim/runner/statistics.js';
import { runCaught, shrinkPlan } from '../../../../src/sim/job.js';
import { Violation, type Observer, type World } from '../../../../src/sim/world/types.js';

/** Three replicas without faults; the actions of the test are all that happens. */
const DRAWN = drawPlan(4, { faults: [], replicas: 3 });
const CALM: Plan = {
  ...DRAWN,
  clients: DRAWN.clients.slice(0, 3).map((client) => ({ ...client, operations: 80, thinkMeanMs: 20, keys: 3 })),
  safetyMs: 2000,
  healAll: true,
  settled: true,
  expected: 12,
  knobs: {
    ...DRAWN.knobs,
    tickMs: 10,
    heartbeatMs: 20,
    electionTimeoutMs: [100, 200],
    diskStallMs: 500,
    requestTimeoutMs: 1000,
    leaseReads: true,
    checkpointBytes: 4096,
    segmentBytes: 4096,
    retainBytes: 0,
    engineLimits: {},
  },
};

function action(atMs: number, nemesis: string, options: Readonly<Record<string, Scalar>>): NemesisAction {
  return { atMs, nemesis, seed: atMs + 1, options };
}

/** Every start and end of a process, and every leader. */
class Diary implements Observer {
  readonly lines: string[] = [];
  readonly leaders: string[] = [];
  world: World | null = null;

  #note(id: string, what: string): void {
    this.lines.push(`${Math.round(this.world?.time.nowMs ?? 0)} ${id} ${what}`);
  }

  onStarted: NonNullable<Observer['onStarted']> = ({ id }) => this.#note(id, 'starts');
  onCrashed: NonNullable<Observer['onCrashed']> = ({ id, failure }) => this.#note(id, failure?.code ?? 'killed');
  onWiped: NonNullable<Observer['onWiped']> = ({ id }) => this.#note(id, 'wiped');
  onTurn: NonNullable<Observer['onTurn']> = ({ id, member }) => {
    if (member?.raft.role === 'leader' && this.leaders.at(-1) !== id) this.leaders.push(id);
  };

  count(what: string): number {
    return this.lines.filter((line) => line.endsWith(` ${what}`)).length;
  }
}

async function play(...nemeses: readonly NemesisAction[]): Promise<RunResult & { readonly diary: Diary }> {
  const diary = new Diary();
  const plan = checkPlan({ ...CALM, nemeses });
  const result = await runPlan(plan, { observers: [diary], onWorld: (world) => (diary.world = world) });
  return { ...result, diary };
}

t.test('a world without faults serves, checkpoints and elects once', async (t) => {
  const { diary, statistics, violation } = await play();
  t.equal(violation, null);
  t.ok(acknowledged(statistics) > 100, `${acknowledged(statistics)} operations`);
  t.equal(statistics.elections, 1);
  t.equal(diary.count('starts'), 3);
  t.equal(statistics.clients.failed, 0);
});

t.test('crashes: the leader goes down at the chosen instant, and comes back', async (t) => {
  for (const when of ['now', 'committed', 'appending']) {
    const crash = action(500, 'crash-leader', { when, delayMs: 0, restartMs: 20 });
    const { diary, statistics, violation } = await play(crash);
    t.equal(violation, null, when);
    t.equal(statistics.crashes, 1, when);
    t.match(diary.lines[3], new RegExp(`^\\d+ ${diary.leaders[0]} killed$`), when);
    t.equal(diary.count('starts'), 4, when);
    t.ok(statistics.elections >= 2, when);
  }
  const elected = await play(
    action(500, 'power-leader', { when: 'elected', delayMs: 0, loss: 'sectors', restartMs: 20 }),
    action(510, 'crash-leader', { when: 'now', delayMs: 0, restartMs: 300 }),
  );
  t.equal(elected.violation, null);
  t.match(elected.statistics, { crashes: 1, powerLosses: 1 }, 'the new leader loses power as it is elected');
});

t.test('correlated power loss hits everybody at once; nothing acknowledged is lost', async (t) => {
  for (const loss of ['unsynced', 'sectors', 'bytes']) {
    const power = action(700, 'power', { target: 'all', loss, restartMs: 20 });
    const { diary, statistics, violation } = await play(power);
    t.equal(violation, null, loss);
    t.equal(statistics.powerLosses, 3, loss);
    t.equal(new Set(diary.lines.filter((line) => line.endsWith('killed')).map((line) => line.split(' ')[0])).size, 1);
  }
});

t.test('partitions: an isolated leader is replaced, whichever way it is cut off', async (t) => {
  for (const direction of ['in', 'out', 'both']) {
    for (const silent of [true, false]) {
      const cut = action(500, 'isolate', { target: 'leader', direction, durationMs: 1000, silent });
      const { diary, statistics, violation } = await play(cut);
      t.equal(violation, null, `${direction} ${silent}`);
      t.equal(statistics.cuts, direction === 'both' ? 4 : 2);
      t.ok(diary.leaders.length >= 2, `${direction} ${silent}: another replica leads`);
    }
  }
});

t.test('partitions of other shapes cut what they say', async (t) => {
  const options = { durationMs: 400, silent: true };
  t.equal((await play(action(500, 'bridge', options))).statistics.cuts, 2, 'of three: one pair');
  t.equal((await play(action(500, 'majorities-ring', options))).statistics.cuts, 2, 'of three: a chain');
  t.equal((await play(action(500, 'random-partition', { ...options, symmetric: true }))).violation, null);
});

t.test('networks: clogged, stormy and reset links change nothing but time', async (t) => {
  t.equal((await play(action(500, 'swizzle-clog', { target: 'all', stepMs: 100 }))).violation, null);
  for (const kind of ['loss', 'duplicates', 'reordering', 'delay', 'corruption']) {
    t.equal((await play(action(500, 'storm', { kind, durationMs: 1000 }))).violation, null, kind);
  }
  t.equal((await play(action(500, 'reset', { target: 'all' }))).violation, null);
});

t.test(
  'disks: a failed operation stops the replica, and the supervisor starts it again (reliability.md §0.5)',
  async (t) => {
    for (const fault of ['EIO', 'ENOSPC', 'short write']) {
      const { diary, statistics, violation } = await play(
        action(500, 'disk-error', { target: 'leader', fault, count: 3 }),
      );
      t.equal(violation, null, fault);
      t.equal(diary.count('storage_failed'), 1, fault);
      t.equal(statistics.selfStops, 1, fault);
      t.equal(diary.count('starts'), 4, fault);
    }
    const slow = await play(action(500, 'slow-disk', { target: 'leader', syncMs: 600, durationMs: 1500 }));
    t.equal(slow.violation, null);
    t.ok(slow.diary.leaders.length >= 2, 'a leader whose disk stalls steps down (raft.md R7)');
  },
);

t.test('damage: a replica with rotten bits refuses to start and is replaced (reliability.md §0.6)', async (t) => {
  const rot = action(800, 'rot', { target: 'follower', bits: 3, restartMs: 20, replace: true });
  const { diary, statistics, violation } = await play(rot);
  t.equal(violation, null);
  t.equal(statistics.damagedDisks, 1);
  t.ok(diary.count('log_corrupt') > 0);
  t.equal(statistics.membershipChanges, 3, 'removed, and a new one added and promoted');
});

t.test('damage: never to more disks than the group can lose', async (t) => {
  const rot = (atMs: number): NemesisAction =>
    action(atMs, 'rot', { target: 'any', bits: 1, restartMs: 20, replace: false });
  const { statistics, violation } = await play(rot(500), rot(600), rot(700), rot(800), rot(900));
  t.equal(violation, null);
  t.equal(statistics.damagedDisks, 1, 'of three disks one');
});

t.test('a wiped disk takes no part under its old id (raft.md M4)', async (t) => {
  const { diary, statistics, violation } = await play(
    action(500, 'wipe', { target: 'follower', restartMs: 20, replace: true }),
  );
  t.equal(violation, null);
  t.equal(diary.count('wiped'), 1);
  t.equal(statistics.membershipChanges, 3);
});

t.test('a disk that lied and lost power is replaced before its replica votes again (raft.md R1, M4)', async (t) => {
  const lie = { target: 'leader', afterMs: 0, loss: 'unsynced', restartMs: 20 };
  const power = await play(action(500, 'lost-sync', { ...lie, next: 'power' }));
  t.equal(power.violation, null);
  t.match(power.statistics, { lostSyncs: 1, lyingDisks: 1, damagedDisks: 1, powerLosses: 1 });
  t.equal(power.diary.count('wiped'), 1);
  t.equal(power.statistics.membershipChanges, 3, 'removed, and a new one added and promoted');
  for (const next of ['kill', 'nothing']) {
    const harmless = await play(action(500, 'lost-sync', { ...lie, next }));
    t.equal(harmless.violation, null, next);
    t.match(harmless.statistics, { lostSyncs: 1, lyingDisks: 0, damagedDisks: 0 }, next);
    t.equal(harmless.diary.count('wiped'), 0, next);
    t.equal(harmless.diary.count('starts'), next === 'kill' ? 4 : 3, next);
  }
});

t.test('a lie that a later sync made up for costs nothing when the power goes', async (t) => {
  const lie = { target: 'leader', next: 'nothing', afterMs: 0, loss: 'unsynced', restartMs: 20 };
  const power = action(1500, 'power', { target: 'all', loss: 'unsynced', restartMs: 20 });
  // One segment for all: the next sync covers what was lied about.
  const knobs = { ...CALM.knobs, segmentBytes: 65_536, checkpointBytes: 1_000_000 };
  const { statistics, violation } = await runPlan({ ...CALM, knobs, nemeses: [action(500, 'lost-sync', lie), power] });
  t.equal(violation, null);
  t.match(statistics, { lostSyncs: 1, lyingDisks: 0, powerLosses: 3 });
});

t.test('disks never lie to more replicas at a time than the group can lose', async (t) => {
  const lie = { target: 'any', next: 'power', afterMs: 0, loss: 'unsynced', restartMs: 20 };
  const { statistics, violation } = await play(...[500, 501, 502, 503, 504].map((at) => action(at, 'lost-sync', lie)));
  t.equal(violation, null);
  t.equal(statistics.lyingDisks, 1, 'of three disks one');
});

t.test('processes: a leader that stands still is replaced, and notices (raft.md L6)', async (t) => {
  const pause = await play(action(500, 'pause', { target: 'leader', durationMs: 1200 }));
  t.equal(pause.violation, null);
  t.ok(pause.diary.leaders.length >= 2);
  t.equal((await play(action(500, 'slow-process', { target: 'leader', turnMs: 5, durationMs: 2000 }))).violation, null);
  const clock = action(500, 'clock', { target: 'all', rate: 2, jumpMs: -60_000, durationMs: 500 });
  t.equal((await play(clock)).violation, null);
});

t.test('operators: transfer, checkpoint, grow, remove, replace', async (t) => {
  const transfer = await play(action(500, 'transfer', { to: 'follower' }));
  t.equal(transfer.violation, null);
  t.equal(transfer.diary.leaders.length, 2);
  const idle = { ...CALM, nemeses: [action(500, 'checkpoint', { target: 'all' })], clients: CALM.clients.slice(0, 1) };
  const asked = { ...idle, knobs: { ...idle.knobs, checkpointBytes: 1_000_000 } };
  t.equal((await runPlan(asked)).statistics.checkpoints, 3, 'one on each');
  const grown = await play(action(1500, 'grow', { times: 2 }));
  t.equal(grown.violation, null);
  t.equal(grown.statistics.membershipChanges, 4);
  t.ok(grown.statistics.snapshotsInstalled > 0, 'what comes late gets a snapshot');
  const removed = await play(action(500, 'remove', { target: 'leader' }));
  t.equal(removed.violation, null);
  t.equal(removed.statistics.membershipChanges, 1);
  const replaced = await play(action(500, 'replace', { target: 'leader' }));
  t.equal(replaced.statistics.membershipChanges, 3);
});

t.test('partitions and crashes in the middle of a change of membership', async (t) => {
  const where = { afterMs: 10, target: 'leader' };
  const cut = { ...where, change: 'replace', direction: 'both', durationMs: 400, silent: true };
  t.equal((await play(action(500, 'cut-change', cut))).violation, null);
  t.equal((await play(action(500, 'crash-change', { ...where, change: 'grow', restartMs: 20 }))).violation, null);
});

t.test('in the liveness phase a quorum serves although the others stay dead (reliability.md §1.1)', async (t) => {
  for (let seed = 0; seed < 4; seed++) {
    const { violation } = await runPlan({ ...CALM, seed, nemeses: [], safetyMs: 1000, healAll: false });
    t.equal(violation, null);
  }
});

t.test('the same plan gives the same run, with and without somebody who looks on (reliability.md §3.1)', async (t) => {
  const plan = drawPlan(11);
  const first = await runPlan(plan);
  const second = await runPlan(plan, { observers: [new Diary()] });
  t.same(second, first);
  t.same((await runTwice(plan)).violation, null);
  t.not((await runPlan({ ...plan, seed: plan.seed + 1 })).hash, first.hash);
});

t.test('a run that depends on more than its plan is told from one that does not', async (t) => {
  let runs = 0;
  const onWorld = ({ time }: World): void => {
    runs++;
    if (runs === 2) time.after(700, () => time.fold(1));
  };
  const { violation } = await runTwice({ ...CALM, nemeses: [], safetyMs: 1000 }, { onWorld });
  t.match(violation, { invariant: 'determinism', detail: /^event \d+ at 700 ms has hash/, atMs: 700 });
});

t.test('a violation ends the run, and says when', async (t) => {
  const observer: Observer = {
    onAcknowledged: (_process, revision) => {
      if (revision >= 20) throw new Violation('twenty', `there is a revision ${revision}`);
    },
  };
  const { violation } = await runPlan({ ...CALM, nemeses: [] }, { observers: [observer] });
  t.match(violation, { invariant: 'twenty', detail: 'there is a revision 20' });
  t.ok((violation?.atMs ?? 0) > 0 && (violation?.event ?? 0) > 0);
});

t.test('an error of the simulator is a finding with a seed, not the end of a sweep', async (t) => {
  const broken = { ...CALM, nemeses: [action(500, 'no such nemesis', {})] };
  t.match((await runCaught(broken, false)).violation, { invariant: 'simulator', detail: /drawn from the table/ });
  const shrunk = await shrinkPlan({ plan: broken, invariant: 'simulator', runsMax: 200, timeMaxMs: 20_000 });
  t.same(shrunk.plan.nemeses, broken.nemeses, 'the one thing that is needed stays');
  t.same(shrunk.plan.clients, []);
  t.equal(shrunk.plan.replicas, 1);
});
