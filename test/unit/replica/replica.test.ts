import t from 'tap';
import { BatchBuilder } from '../../../src/kv/index.js';
import { bytes, Caller } from '../../fixtures/replica/caller.js';
import { LocalCluster, until, type LocalReplica } from '../../fixtures/replica/local-cluster.js';

/** Whole replicas in this thread. Takes up to about ten seconds on two busy cores: real elections, in real time. */
t.setTimeout(180_000);

const CERTAINLY_NOT = ['lost_leadership', 'no_leader', 'not_leader', 'busy', 'draining'];

function digests(cluster: LocalCluster): Set<string> {
  return new Set(cluster.running.map(({ member }) => member.digest()));
}

t.test('every replica takes writes and linearizable reads', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  await cluster.leader();
  const caller = new Caller();
  for (const [at, node] of cluster.running.entries()) {
    t.match(await caller.put(node.keyspace, `k${at}`, `v${at}`), { ok: true, created: true }, `put through ${node.id}`);
    for (const { id, keyspace } of cluster.running) {
      t.same(await caller.read(keyspace, `k${at}`), { ok: true, value: `v${at}` }, `${id} reads what ${node.id} wrote`);
    }
  }
  await cluster.converged();
  t.equal(digests(cluster).size, 1);
  t.same(caller.toldTwice, []);
});

t.test('writes of one caller take effect in the order in which they were made', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  const follower = await cluster.follower();
  const caller = new Caller();
  const write = (at: number): Promise<unknown> =>
    caller.submit(follower.keyspace, { op: 'append', key: 'log', value: Buffer.from(`${at},`), maxBytes: 1e6 });
  const writes: Promise<unknown>[] = [];
  for (let at = 0; at < 200; at++) {
    writes.push(write(at));
    if (at % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (at === 100) void (await cluster.leader()).keyspace.transferLeader(null).catch(() => undefined);
  }
  const outcomes = (await Promise.all(writes)) as { ok: boolean; code?: string }[];
  const read = await caller.read(follower.keyspace, 'log');
  const seen = read.ok ? (read.value ?? '').split(',').slice(0, -1).map(Number) : [];
  t.same(
    seen,
    [...seen].sort((a, b) => a - b),
    'in order, also across a hand-over',
  );
  t.equal(new Set(seen).size, seen.length, 'none twice');
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.ok) t.ok(seen.includes(at), `${at} was acknowledged`);
    else if (CERTAINLY_NOT.includes(outcome.code ?? '')) t.notOk(seen.includes(at), `${at} was refused`);
  }
});

t.test('a hand-over under load fails no request of the other replicas', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const others = cluster.running.filter((node) => node !== leader);
  const caller = new Caller();
  const load = { on: true };
  const failed: string[] = [];
  let done = 0;
  const client = async (node: LocalReplica, name: string): Promise<void> => {
    for (let at = 0; load.on; at++) {
      const put = await caller.put(node.keyspace, name, String(at));
      if (!put.ok) failed.push(`put: ${put.code}`);
      const read = await caller.read(node.keyspace, name);
      if (!read.ok) failed.push(`read: ${read.code}`);
      else if (put.ok && read.value !== String(at)) failed.push(`read ${read.value} after ${at}`);
      done++;
    }
  };
  const clients = Array.from({ length: 20 }, (_, at) => client(others[at % 2] ?? leader, `c${at}`));
  await until('some load', () => (done > 200 ? true : undefined));
  for (let round = 0; round < 5; round++) {
    const before = done;
    await (await cluster.leader()).keyspace.transferLeader(null);
    await until('load after the hand-over', () => (done > before + 200 ? true : undefined));
  }
  load.on = false;
  await Promise.all(clients);
  t.same(failed, [], `${done} pairs of requests`);
});

t.test('an isolated leader confirms nothing, and what waits there is answered truly', async (t) => {
  const cluster = await LocalCluster.start({ timing: { requestTimeoutMs: 600 } });
  t.teardown(() => cluster.close());
  const old = await cluster.leader();
  const caller = new Caller();
  t.match(await caller.put(old.keyspace, 'x', 'before'), { ok: true });
  cluster.isolate(old.id);
  const lost = caller.put(old.keyspace, 'x', 'lost');
  const blindRead = caller.read(old.keyspace, 'x');
  const others = cluster.running.filter((node) => node !== old);
  const next = await cluster.leader(others);
  t.match(await caller.put(next.keyspace, 'x', 'after'), { ok: true });
  t.match(await blindRead, { ok: false }, 'no majority, no linearizable read');
  cluster.isolate(old.id, false);
  await cluster.converged();
  const outcome = await lost;
  t.ok(!outcome.ok && ['lost_leadership', 'outcome_unknown'].includes(outcome.code), 'the write was not acknowledged');
  t.same(await caller.read(old.keyspace, 'x'), { ok: true, value: 'after' });
  t.same(caller.toldTwice, []);
});

t.test('a write that a deposed leader appended is told as lost once that is certain', async (t) => {
  const cluster = await LocalCluster.start({ timing: { requestTimeoutMs: 60_000 } });
  t.teardown(() => cluster.close());
  const old = await cluster.leader();
  const caller = new Caller();
  await caller.put(old.keyspace, 'x', '1');
  cluster.isolate(old.id);
  const lost = Array.from({ length: 5 }, async (_, at) => {
    await new Promise((resolve) => setTimeout(resolve, at * 4)); // Each becomes an entry of its own.
    return caller.put(old.keyspace, 'x', `lost ${at}`);
  });
  await cluster.leader(cluster.running.filter((node) => node !== old));
  cluster.isolate(old.id, false);
  const outcomes = await Promise.all(lost);
  for (const outcome of outcomes) t.match(outcome, { ok: false, code: 'lost_leadership' }, 'long before the deadline');
});

t.test('a forward to a leader that is gone is answered before the deadline', async (t) => {
  const cluster = await LocalCluster.start({ timing: { requestTimeoutMs: 60_000 } });
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  const caller = new Caller();
  cluster.network.pause(leader.id, true);
  const write = caller.put(follower.keyspace, 'x', '1');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await cluster.stopReplica(leader.id);
  t.match(await write, { ok: false, code: 'outcome_unknown' });
});

t.test('a forward to the leader of a term that is over is refused: it was not appended', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  const answer = new Promise((resolve) => {
    const { member } = follower;
    const deliver = member.onMessage.bind(member);
    member.onMessage = (message): void => {
      if (message.type === 'forwardProposalResponse') resolve(message);
      deliver(message);
    };
  });
  const { term } = leader.member.raft;
  const payload = new BatchBuilder();
  payload.addPut(bytes('k'), bytes('v'));
  leader.member.onMessage({
    type: 'forwardProposal',
    kind: 'commands',
    from: follower.id,
    to: leader.id,
    term: (term - 1) as typeof term,
    id: 77,
    payload: payload.take(),
  });
  t.match(await answer, { id: 77, refused: 'not_leader', term: term - 1 });
});

t.test('a replica that stops tells every waiter once', async (t) => {
  const cluster = await LocalCluster.start();
  t.teardown(() => cluster.close());
  const leader = await cluster.leader();
  const caller = new Caller();
  cluster.isolate(leader.id);
  const taken = caller.put(leader.keyspace, 'x', '1');
  const read = caller.read(leader.keyspace, 'x');
  await new Promise((resolve) => setTimeout(resolve, 10));
  const untaken = caller.put(leader.keyspace, 'y', '1');
  await cluster.stopReplica(leader.id);
  t.match(await taken, { ok: false, code: 'outcome_unknown' }, 'appended here: nobody knows');
  t.match(await untaken, { ok: false, code: 'draining' }, 'never given to the engine: it did not happen');
  t.match(await read, { ok: false });
  t.match(await caller.put(leader.keyspace, 'z', '1'), { ok: false }, 'what comes later is refused, not forgotten');
  t.match(await caller.read(leader.keyspace, 'z'), { ok: false });
  let flushed = false;
  leader.replica.atTurnEnd(() => (flushed = true));
  await until('the reply', () => (flushed ? true : undefined));
  t.equal(caller.waiting, 0);
  t.same(caller.toldTwice, []);
});

t.test('a replica on its own has nobody to hand leadership to', async (t) => {
  const cluster = await LocalCluster.start({ replicas: 1 });
  t.teardown(() => cluster.close());
  const only = await cluster.leader();
  const caller = new Caller();
  for (let at = 0; at < 50; at++) await caller.put(only.keyspace, `k${at % 10}`, String(at));
  await t.rejects(only.keyspace.transferLeader(null), { code: 'transfer_failed' });
});
