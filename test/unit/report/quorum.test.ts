import t, { type Test } from 'tap';
import { QuorumSweep, type QuorumRequest } from '../../../src/report/quorum.js';
import type { QuorumReport } from '../../../src/report/summary.js';
import { fakeLeader, type FakeLeader } from './fake-leader.js';

const SETTINGS = {
  concurrentWrites: 20,
  rounds: 2,
  sequentialWrites: 5,
  spacingMs: 50,
  warmUpSeconds: 0,
  valueBytes: 16,
  protocol: 'http',
} as const;

function request(fake: FakeLeader, changes: Partial<QuorumRequest> = {}): QuorumRequest {
  return {
    nodes: [fake.node],
    keyspace: null,
    delaysMs: [
      [10, 10],
      [20, 20],
      [30, 30],
    ],
    writeQuorums: [],
    settings: SETTINGS,
    loadBefore: 0,
    signal: new AbortController().signal,
    say: () => undefined,
    ...changes,
  };
}

async function sweep(t: Test, fake: FakeLeader, changes: Partial<QuorumRequest> = {}): Promise<QuorumReport> {
  const quorums = await QuorumSweep.open(request(fake, changes));
  t.teardown(() => quorums.close());
  return quorums.run({ spawned: false, topology: null }, null);
}

t.test('the document’s workload: each write quorum in turn, at once and one by one', async (t) => {
  const fake = await fakeLeader(t);
  const report = await sweep(t, fake);
  t.same(fake.quorums, [1, 2, 3, 2], '1 to F, then what was found');
  t.same(report.restored, { writeQuorum: 2, done: true });
  t.match(report.cluster, { leader: 'leader', followers: 3, keyspace: 'default', spawned: false });
  t.equal(report.quorums.length, 3);
  for (const { concurrent, expectedMs, parity, sequential, writeQuorum } of report.quorums) {
    t.equal(concurrent.count, 40, 'two rounds; the one before them is not counted');
    t.equal(sequential.count, 5);
    t.ok(Math.abs((expectedMs ?? 0) - writeQuorum * 10) < 0.1, `expected ${expectedMs}`);
    t.ok((sequential.meanMs ?? 0) >= writeQuorum * 10 - 1.5, `W=${writeQuorum}: ${sequential.meanMs}`);
    t.ok((concurrent.meanMs ?? 0) >= writeQuorum * 10 - 1.5, `W=${writeQuorum}: ${concurrent.meanMs}`);
    t.ok(concurrent.operationsPerSecond > sequential.operationsPerSecond);
    t.match(parity, { inSync: true, keys: 20 });
  }
  t.equal(fake.together, 20, 'all at once');
  t.match(report.machine, { node: process.version });
});

t.test('sequential writes are never together; they are measured where nothing is delayed as well', async (t) => {
  const [plain, fake] = [await fakeLeader(t), await fakeLeader(t)];
  const quorums = await QuorumSweep.open(request(plain));
  t.teardown(() => quorums.close());
  const found = await quorums.sequentialAt(3);
  t.equal(plain.together, 1);
  t.match(found, { count: 5, invalid: [] });
  const measured = await QuorumSweep.open(request(fake, { writeQuorums: [1, 2] }));
  t.teardown(() => measured.close());
  const report = await measured.run({ spawned: true, topology: null }, (each) => quorums.sequentialAt(each));
  t.same(plain.quorums, [3, 1, 2]);
  for (const { deviation, undelayed } of report.quorums) t.equal(deviation?.overheadMs, undelayed?.meanMs);
});

t.test('writes that have to wait for the one before are no measurement of one write alone', async (t) => {
  const fake = await fakeLeader(t);
  const settings = { ...SETTINGS, spacingMs: 15 };
  const quorums = await QuorumSweep.open(request(fake, { settings }));
  t.teardown(() => quorums.close());
  const { invalid } = await quorums.sequentialAt(3);
  t.match(invalid, [/came late/]);
});

t.test('failures are counted by code, and have no latency', async (t) => {
  const fake = await fakeLeader(t);
  fake.status = 503;
  const [row] = (await sweep(t, fake, { writeQuorums: [1] })).quorums;
  t.match(row?.concurrent, { count: 0, failed: 40, meanMs: null, errors: { not_enough_replicas: 40 } });
  t.equal(row?.deviation, null);
});

t.test('keys that differ are named', async (t) => {
  const fake = await fakeLeader(t);
  fake.lag = { 'key:000000000000': 'older', other: 'x' };
  // It waits for followers that merely lag; this one does not get better.
  const [row] = (await sweep(t, fake, { writeQuorums: [1], parityWaitMs: 300 })).quorums;
  t.equal(row?.parity.inSync, false);
  const found = row?.parity.followers.find(({ id }) => id === 'follower2');
  t.match(found, { inSync: false, mismatches: 21 });
  t.ok(found?.mismatchedKeys.includes('other'));
});

t.test('the write quorum is put back when the sweep fails', async (t) => {
  const fake = await fakeLeader(t);
  fake.refused = 3;
  await t.rejects(sweep(t, fake), { message: /POST \/admin\/quorum was answered 503 not_enough_replicas/ });
  t.same(fake.quorums, [1, 2, 2]);
});

t.test('an interrupted sweep puts it back as well', async (t) => {
  const fake = await fakeLeader(t);
  const abort = new AbortController();
  const said: string[] = [];
  const interrupt = (line: string): void => {
    said.push(line);
    abort.abort(new Error('interrupted'));
  };
  await t.rejects(sweep(t, fake, { signal: abort.signal, say: interrupt }), /interrupted/);
  t.equal(said.length, 1, 'after the first line');
  t.same(fake.quorums, [1, 2]);
});

t.test('what cannot be measured is refused before anything is written', async (t) => {
  const raft = await fakeLeader(t, 'raft');
  await t.rejects(sweep(t, raft), {
    code: 'usage',
    message: /No keyspace of the target has a write quorum.*default \(raft\)/,
  });
  const fake = await fakeLeader(t);
  await t.rejects(sweep(t, fake, { writeQuorums: [4] }), { code: 'usage', message: /there are 3 followers/ });
  t.equal(raft.writes + fake.writes, 0);
});
