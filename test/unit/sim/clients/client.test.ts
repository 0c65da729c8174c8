import t from 'tap';
import { revision } from '../../../../src/base/brand.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import type { CommandResult } from '../../../../src/kv/types.js';
import { Client } from '../../../../src/sim/clients/client.js';
import { Violation } from '../../../../src/sim/world/types.js';
import { APPENDER, FakeCluster, readerOf } from './fake.js';

function done(at = 1): CommandResult {
  const operations = [{ status: 'created', previous: null, integer: 1, revision: revision(at) }] as const;
  return { revision: revision(at), operations, error: null, duplicate: false };
}

async function play(cluster: FakeCluster, plan = APPENDER, isTwin = false): Promise<Client> {
  const client = new Client(plan, 0, isTwin, cluster.context);
  client.start();
  await cluster.time.run(60_000, () => client.ended);
  t.ok(client.ended, 'a client comes to an end');
  return client;
}

t.test('an answer ends the operation; replicas learn of it before the client', async (t) => {
  const told: number[] = [];
  const observer = { onAcknowledged: (_process: unknown, at: number) => told.push(at) };
  const cluster = new FakeCluster(3, ({ write }) => write?.onResult(0, done(7)), [observer]);
  await play(cluster);
  t.same(told, [7]);
  t.match(cluster.history.operations, [{ client: '0.0', kind: 'append', key: 'k0', value: '0.1;', outcome: 'ok' }]);
  t.match(cluster.context.stats, { ok: 1, retries: 0 });
});

t.test(
  'after a timeout the same request is sent again, with the same id and number (reliability.md §2.5)',
  async (t) => {
    const cluster = new FakeCluster(3, ({ write }, number) => {
      if (number === 3) write?.onResult(0, done());
    });
    await play(cluster);
    t.equal(cluster.received.length, 3);
    t.equal(new Set(cluster.received.map(({ command }) => JSON.stringify(command))).size, 1);
    t.same(cluster.received[0]?.command?.session, { clientId: 'c0', seq: 1 });
    t.match(cluster.history.operations, [{ outcome: 'ok' }]);
  },
);

t.test('an abandoned operation is unknown, and the client goes on under a new id (reliability.md §4.2)', async (t) => {
  const cluster = new FakeCluster(3, () => undefined);
  await play(cluster, { ...APPENDER, retry: 0, operations: 2 });
  t.match(cluster.history.operations, [
    { client: '0.0', outcome: 'unknown', return: null },
    { client: '0.1', outcome: 'unknown', return: null },
  ]);
  t.same(
    cluster.received.map(({ command }) => command?.session),
    [
      { clientId: 'c0', seq: 1 },
      { clientId: '0.1', seq: 1 },
    ],
  );
});

t.test('without a session nothing is sent again that may have happened', async (t) => {
  const cluster = new FakeCluster(3, ({ write }) => write?.onError(0, new KvorumError('outcome_unknown')));
  await play(cluster, { ...APPENDER, session: false });
  t.equal(cluster.received.length, 1);
  t.equal(cluster.received[0]?.command?.session, undefined);
  t.match(cluster.history.operations, [{ outcome: 'unknown' }]);
});

t.test('a certain refusal is sent again some times, and then has failed', async (t) => {
  const cluster = new FakeCluster(3, ({ write }) => write?.onError(0, new KvorumError('no_leader')));
  await play(cluster, { ...APPENDER, session: false });
  t.ok(cluster.received.length > 1);
  t.match(cluster.history.operations, [{ outcome: 'failed' }]);
});

t.test('a refusal after a lost attempt leaves the outcome unknown', async (t) => {
  const cluster = new FakeCluster(3, ({ write }, number) => {
    if (number > 1) write?.onError(0, new KvorumError('busy'));
  });
  await play(cluster);
  t.match(cluster.history.operations, [{ outcome: 'unknown' }]);
});

t.test('a replica that is down refuses; one that crashes breaks connections, or says nothing', async (t) => {
  const cluster = new FakeCluster(1, () => undefined);
  for (const process of cluster.processes) cluster.down.add(process.id);
  await play(cluster);
  t.match(cluster.history.operations, [{ outcome: 'failed' }]);

  const crashing = new FakeCluster(1, () => {
    crashing.time.after(1, () => {
      for (const process of crashing.processes) crashing.wire.observer.onCrashed?.(process);
    });
  });
  await play(crashing);
  t.match(crashing.history.operations, [{ outcome: 'unknown' }]);
});

t.test('a hedged request goes to two replicas; one answer is enough, one refusal is not', async (t) => {
  const plan = { ...APPENDER, hedge: 1 };
  const cluster = new FakeCluster(3, ({ write }, number) => {
    if (number === 1) write?.onError(0, new KvorumError('no_leader'));
    else if (number === 2) write?.onResult(0, done());
  });
  await play(cluster, plan);
  t.equal(new Set(cluster.received.map(({ replica }) => replica)).size, 2);
  t.match(cluster.history.operations, [{ outcome: 'ok' }]);
  const silent = new FakeCluster(3, ({ write }, number) => {
    if (number % 2 === 1) write?.onError(0, new KvorumError('no_leader'));
  });
  await play(silent, { ...plan, retry: 0 });
  t.match(silent.history.operations, [{ outcome: 'unknown' }], 'the other one may have done it');
});

t.test('two clients with one id: the one that is refused never did anything', async (t) => {
  const conflict: CommandResult = {
    revision: revision(3),
    operations: [],
    error: 'session_conflict',
    duplicate: false,
  };
  const cluster = new FakeCluster(3, ({ write }, number) => {
    if (number === 2) write?.onResult(0, conflict);
  });
  await play(cluster, APPENDER, true);
  t.match(cluster.history.operations, [{ outcome: 'failed' }]);
});

t.test('compare-and-set reports a mismatch, and expects what was read', async (t) => {
  const mix = { put: 0, get: 1, append: 0, cas: 1, delete: 0, increment: 0 };
  const cluster = new FakeCluster(1, ({ read, write }) => {
    read?.onReadable(0, readerOf({ k0: 'there' }, 4));
    const operations = [{ status: 'unmet', previous: null, integer: null, revision: revision(0) }] as const;
    write?.onResult(0, { revision: revision(4), operations, error: null, duplicate: false });
  });
  await play(cluster, { ...APPENDER, mix, operations: 40 });
  t.ok(
    cluster.history.operations.some(
      ({ kind, outcome, value }) => kind === 'get' && outcome === 'ok' && value === 'there',
    ),
  );
  t.ok(cluster.history.operations.some(({ kind, outcome }) => kind === 'cas' && outcome === 'mismatch'));
  t.ok(cluster.history.operations.some(({ expected, kind }) => kind === 'cas' && expected === 'there'));
});

t.test('reads are checked against what was acknowledged before they were invoked', async (t) => {
  const floors: number[] = [];
  const observer = { onRead: (_process: unknown, _at: number, floor: number) => floors.push(floor) };
  const cluster = new FakeCluster(
    1,
    ({ read, write }) => {
      read?.onReadable(0, readerOf({}, 9));
      write?.onResult(0, done(9));
    },
    [observer],
  );
  await play(cluster);
  await play(cluster, { ...APPENDER, mix: { ...APPENDER.mix, append: 0, get: 1 } });
  t.same(floors, [9]);
});

t.test('stale reads may be old, but never go back, and a revision names one value', async (t) => {
  const stale = { ...APPENDER, mix: { ...APPENDER.mix, append: 0, get: 1 }, operations: 2 };
  const reads = { linearizable: 0, lease: 0, stale: 1 };
  const going = new FakeCluster(1, ({ read }, number) => read?.onReadable(0, readerOf({ k0: 'a' }, 10 - number)));
  await t.rejects(play(going, { ...stale, reads }), Violation);
  const differing = new FakeCluster(1, ({ read }, number) => read?.onReadable(0, readerOf({ k0: `${number}` }, 5)));
  await t.rejects(play(differing, { ...stale, reads }), Violation);
  const good = new FakeCluster(1, ({ read }, number) => read?.onReadable(0, readerOf({ k0: `${number}` }, number)));
  await play(good, { ...stale, reads });
  t.same(good.history.operations, [], 'they are no part of the history');
});

t.test('the history as a whole: linearizability, and counters', async (t) => {
  const cluster = new FakeCluster(1, ({ write }) => write?.onResult(0, done()));
  await play(cluster);
  const { history } = cluster;
  t.match(history.check(new Map(), 1000), { undecided: 0 });
  history.operations.push({
    client: 'last',
    kind: 'get',
    key: 'k0',
    value: null,
    call: history.tick(),
    return: history.tick(),
    outcome: 'ok',
  });
  t.throws(() => history.check(new Map(), 100_000), { message: /^linearizability: key k0/ });
});
