import t, { type Test } from 'tap';
import { replicaId } from '../../../src/base/brand.js';
import type { Clock } from '../../../src/base/clock.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { Scheduler } from '../../../src/base/scheduler.js';
import { loadTopology } from '../../../src/config/load.js';
import { SupervisedReplica } from '../../../src/host/supervisor.js';

/** Time that stands still until a test moves it. */
class ManualTime implements Clock, Scheduler {
  nowMs = 1000;
  readonly timers: { readonly atMs: number; readonly task: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }
  wallMs(): number {
    return 1_700_000_000_000 - this.nowMs; // The wall clock runs backwards: nothing may depend on it.
  }
  nextTurn(task: () => void): void {
    setImmediate(task);
  }
  every(): () => void {
    throw new Error('the supervisor has no periodic timer');
  }
  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, task };
    this.timers.push(timer);
    return () => {
      const at = this.timers.indexOf(timer);
      if (at >= 0) this.timers.splice(at, 1);
    };
  }
  advance(milliseconds: number): void {
    this.nowMs += milliseconds;
    for (const timer of this.timers.filter(({ atMs }) => atMs <= this.nowMs)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.task();
    }
  }
}

function supervise(
  t: Test,
  id: string,
): { replica: SupervisedReplica; time: ManualTime; reach: (state: string) => Promise<void> } {
  const text = JSON.stringify({
    cluster: 'c',
    memory: true,
    replicas: ['n1', 'n2', 'n3', 'n4', 'n5'].map((id, at) => ({ id, peer: `127.0.0.1:${at + 1}` })),
    keyspaces: { default: { engine: 'raft' } },
    supervisor: { backoffMinMs: 100, backoffMaxMs: 300, crashLoopCount: 4, crashLoopWindowMs: 60_000 },
  });
  const time = new ManualTime();
  const watchers = new Set<() => void>();
  const replica = new SupervisedReplica({
    topology: loadTopology({ text }).topology,
    replica: replicaId(id),
    clock: time,
    scheduler: time,
    logger: silentLogger,
    events: { onChanged: () => watchers.forEach((watcher) => watcher()) },
    workerModule: new URL('./fake-worker.js', import.meta.url),
  });
  t.teardown(() => replica.stop());
  const reach = (state: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (replica.state !== state) return;
        watchers.delete(check);
        resolve();
      };
      watchers.add(check);
      check();
    });
  return { replica, time, reach };
}

t.test('a killed thread comes back, each time later and as a newer incarnation', async (t) => {
  const { replica, time, reach } = supervise(t, 'n1');
  replica.start();
  await reach('ready');
  let incarnation = replica.roles.get('default/0')?.term ?? 0;
  for (const pauseMs of [100, 200, 300]) {
    await replica.kill();
    t.equal(replica.state, 'backing-off');
    t.equal(replica.roles.size, 0, 'a thread that is gone has no role');
    time.advance(pauseMs - 1);
    t.equal(replica.state, 'backing-off', `not before ${pauseMs} ms`);
    time.advance(1);
    await reach('ready');
    const next = replica.roles.get('default/0')?.term ?? 0;
    t.ok(next > incarnation, 'though the wall clock was set back');
    incarnation = next;
  }
  t.equal(replica.restarts, 3);
  time.advance(60_000);
  await replica.kill();
  time.advance(100);
  await reach('ready');
  await replica.drain();
  t.equal(replica.state, 'stopped', 'old crashes are forgotten; a drained thread stays down');
  t.equal(time.timers.length, 0, 'nothing is left to run');
});

t.test('a thread that dies at every start is given up', async (t) => {
  const { replica, time, reach } = supervise(t, 'n2');
  replica.start();
  for (const pauseMs of [100, 200, 300]) {
    await reach('backing-off');
    time.advance(pauseMs);
  }
  await reach('failed');
  t.equal(replica.restarts, 3);
  t.match(replica.error, { code: 'internal' });
  t.equal(time.timers.length, 0, 'no further start is planned');
});

t.test('an error that a restart cannot cure ends it at once', async (t) => {
  const { replica, time, reach } = supervise(t, 'n3');
  replica.start();
  await reach('failed');
  t.match(replica.error, { code: 'log_corrupt', message: /damaged/ });
  await replica.drain();
  t.equal(replica.state, 'failed');
  t.equal(time.timers.length, 0);
});

t.test('a drain while the restart is awaited cancels it', async (t) => {
  const { replica, time, reach } = supervise(t, 'n1');
  replica.start();
  await reach('ready');
  await replica.kill();
  await replica.drain();
  t.equal(replica.state, 'stopped');
  time.advance(10_000);
  t.equal(replica.state, 'stopped');
  t.equal(replica.restarts, 0);
});

t.test('a thread that dies while it drains is not started again', async (t) => {
  const { replica, time } = supervise(t, 'n4');
  replica.start();
  t.equal(replica.state, 'starting');
  await replica.drain();
  t.equal(replica.state, 'stopped', 'though it said that it was ready meanwhile');
  t.equal(time.timers.length, 0);
});

t.test('a kill while starting is a crash like any other', async (t) => {
  const { replica, time, reach } = supervise(t, 'n1');
  replica.start();
  await replica.kill();
  t.equal(replica.state, 'backing-off');
  time.advance(100);
  await reach('ready');
});

t.test('a thread that does not drain is ended', async (t) => {
  const { replica, time, reach } = supervise(t, 'n5');
  replica.start();
  await reach('ready');
  const drained = replica.drain();
  time.advance(60_000);
  await drained;
  t.equal(replica.state, 'stopped');
});
