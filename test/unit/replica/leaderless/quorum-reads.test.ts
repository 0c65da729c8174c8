import t from 'tap';
import { originId, replicaId, type ReplicaId } from '../../../../src/base/brand.js';
import type { Dot, Vector } from '../../../../src/base/dot.js';
import type { LeaderlessEvent } from '../../../../src/engines/leaderless/events.js';
import type { LeaderlessMessage, VersionAnswer, VersionProbe } from '../../../../src/engines/leaderless/messages.js';
import type { KvReader } from '../../../../src/kv/types.js';
import { Ensures } from '../../../../src/replica/leaderless/ensures.js';
import { requirementOf } from '../../../../src/replica/leaderless/levels.js';
import { QuorumReads } from '../../../../src/replica/leaderless/quorum-reads.js';
import { createLeaderlessStats } from '../../../../src/replica/leaderless/stats.js';

const [N1, N2, N3] = ['n1', 'n2', 'n3'].map(replicaId) as [ReplicaId, ReplicaId, ReplicaId];
const A = originId('n1~a');
const B = originId('n2~b');

/** One member with everything around it faked. */
function stage(own: Record<string, readonly Dot[]> = {}) {
  const sent: LeaderlessMessage[] = [];
  const events: LeaderlessEvent[] = [];
  const told: string[] = [];
  const counting = { self: true };
  const clock = { now: 0, monotonicMs: () => clock.now, wallMs: () => 0 };
  const ensures = new Ensures((event) => events.push(event));
  const stats = createLeaderlessStats();
  const scope = { self: N1, members: [N1, N2, N3], regionOf: () => null };
  const reader = { version: (key: string) => ({ dots: own[key] ?? [], counter: 0 }) } as unknown as KvReader;
  const reads = new QuorumReads({
    self: N1,
    clock,
    requestTimeoutMs: 1000,
    stats,
    ensures,
    wake: () => undefined,
    send: (message) => sent.push(message),
    requirement: (level) => requirementOf(level, scope),
    reader: () => reader,
    vector: (): Vector => new Map(),
    counts: () => counting.self,
  });
  const waiter = {
    onReadable: (token: number) => told.push(`read ${token}`),
    onError: (token: number, error: { code: string; message: string }) =>
      told.push(`${error.code} ${token}: ${error.message}`),
  };
  const probes = (): VersionProbe[] => sent.filter((message) => message.type === 'versionProbe');
  const answer = (from: ReplicaId, versions: readonly (readonly Dot[])[]): void => {
    const [probe] = probes();
    const message: VersionAnswer = { type: 'versionAnswer', from, to: N1, id: probe?.id ?? 0, versions };
    reads.onAnswer(message);
  };
  return { counting, sent, events, told, clock, ensures, stats, reads, waiter, probes, answer };
}

const AT_3: Dot = { origin: A, seq: 3 };
const AT_5: Dot = { origin: A, seq: 5 };
const OF_B: Dot = { origin: B, seq: 1 };

t.test('members that hold the same version: the answer needs no more', async (t) => {
  const { answer, events, probes, reads, told, waiter } = stage({ k: [AT_3] });
  reads.read('quorum', ['k'], waiter, 1);
  reads.seal();
  t.same(
    probes().map(({ to, keys }) => ({ to, keys })),
    [
      { to: N2, keys: ['k'] },
      { to: N3, keys: ['k'] },
    ],
  );
  t.same(told, []);
  answer(N3, [[AT_3]]);
  t.same(told, ['read 1']);
  t.same(events, []);
  answer(N2, [[AT_5]]);
  t.same(told, ['read 1'], 'a late answer changes nothing');
});

t.test(
  'members that differ are brought together before the answer, by the writes themselves (ap.md §1.1)',
  async (t) => {
    const { answer, ensures, events, reads, stats, told, waiter } = stage({ k: [AT_3], l: [OF_B] });
    reads.read('quorum', ['k'], waiter, 1);
    reads.read('quorum', ['l'], waiter, 2);
    reads.seal();
    answer(N2, [[AT_5], [OF_B]]);
    t.same(told, []);
    t.same(
      events,
      [{ type: 'ensure', id: 1, dots: [AT_5], need: [{ members: [N2, N1], count: 2 }] }],
      'the last of the origin',
    );
    t.equal(stats.readRepairs, 1);
    ensures.onOutcome({ id: 1, result: 'covered', missing: [] });
    t.same(told, ['read 1', 'read 2']);
    t.equal(reads.pending, 0);
  },
);

t.test('a version that only this member has is brought to those asked (monotonic quorum reads)', async (t) => {
  const { answer, events, reads, waiter } = stage({ k: [AT_3] });
  reads.read('quorum', ['k'], waiter, 1);
  reads.seal();
  answer(N2, [[]]);
  t.match(events, [{ type: 'ensure', dots: [AT_3], need: [{ members: [N2, N1], count: 2 }] }]);
});

t.test(
  'what comes here while others are brought up to date is brought to them as well (§1.1: no going back)',
  async (t) => {
    const own = { k: [AT_3] };
    const { answer, ensures, events, reads, stats, told, waiter } = stage(own);
    reads.read('quorum', ['k'], waiter, 1);
    reads.seal();
    answer(N2, [[]]);
    own.k = [AT_5];
    ensures.onOutcome({ id: 1, result: 'covered', missing: [] });
    t.same(told, [], 'n2 was made to have 3: a read there would show less than 5 to whoever comes next');
    t.match(events.slice(1), [{ type: 'ensure', id: 2, dots: [AT_5], need: [{ members: [N2, N1], count: 2 }] }]);
    ensures.onOutcome({ id: 2, result: 'covered', missing: [] });
    t.same(told, ['read 1']);
    t.equal(events.length, 2, 'what all of them have is not asked for again');
    t.equal(stats.readRepairs, 2);
  },
);

t.test('nor is what comes from another origin left out, or what nobody can confirm shown (§1.1)', async (t) => {
  const own: { k: Dot[] } = { k: [AT_3] };
  const { answer, ensures, events, reads, told, waiter } = stage(own);
  reads.read('quorum', ['k'], waiter, 1);
  reads.seal();
  answer(N2, [[AT_5]]);
  own.k = [AT_5, OF_B];
  ensures.onOutcome({ id: 1, result: 'covered', missing: [] });
  t.match(events.slice(1), [{ type: 'ensure', id: 2, dots: [OF_B] }], 'only what they were not made to have');
  ensures.expire(1000);
  t.match(told, [/^read_timeout 1: /]);
  t.equal(reads.pending, 0);
});

t.test('two reads one after the other, at two members: the second shows no less (§1.1)', async (t) => {
  // What each member holds; a write of n1 comes to n1 while its read is repaired.
  const held = new Map([N1, N2, N3].map((id) => [id, { k: [AT_3] as readonly Dot[] }]));
  const at = (id: ReplicaId): { k: readonly Dot[] } => held.get(id) ?? { k: [] };
  at(N2).k = [];
  const first = stage(at(N1));
  first.reads.read('quorum', ['k'], first.waiter, 1);
  first.reads.seal();
  first.answer(N2, [at(N2).k]);
  at(N1).k = [AT_5];
  for (let id = 1; first.told.length === 0; id++) {
    const ensure = first.events[id - 1];
    if (ensure?.type === 'ensure') at(N2).k = ensure.dots;
    first.ensures.onOutcome({ id, result: 'covered', missing: [] });
  }
  const shown = at(N1).k;
  const second = stage(at(N3));
  second.reads.read('quorum', ['k'], second.waiter, 1);
  second.reads.seal();
  second.answer(N2, [at(N2).k]);
  t.match(second.events, [{ type: 'ensure', dots: shown }], 'it has to have what the first one has shown');
});

t.test('members that do not answer are asked again, and given up in time', async (t) => {
  const { clock, probes, reads, told, waiter } = stage();
  reads.read('all', ['k'], waiter, 7);
  reads.seal();
  t.equal(probes().length, 2);
  clock.now = 300;
  reads.expire(clock.now);
  t.equal(probes().length, 4);
  clock.now = 1000;
  reads.expire(clock.now);
  t.same(told, ['read_timeout 7: 1 of 3 replicas answered (level all)']);
  t.equal(reads.pending, 0);
});

t.test('answers that are none are not taken for one', async (t) => {
  const { answer, reads, told, waiter } = stage();
  reads.read('quorum', ['k'], waiter, 1);
  reads.seal();
  answer(N2, []);
  answer(N2, [[], []]);
  t.same(told, []);
  answer(replicaId('n9'), [[]]);
  t.same(told, [], 'nor of somebody who was not asked');
});

t.test('many keys are asked for in several questions', async (t) => {
  const { probes, reads, waiter } = stage();
  for (let at = 0; at < 2500; at++) reads.read('quorum', [`k${at}`], waiter, at);
  reads.seal();
  t.ok(probes().every(({ keys }) => keys.length <= 1024));
  t.equal(
    probes().reduce((sum, { keys }) => sum + keys.length, 0),
    2 * 2500,
  );
});

t.test('a member with a new disk neither answers nor counts: it may lack what it once confirmed', async (t) => {
  const { answer, counting, reads, sent, told, waiter } = stage({ k: [AT_3] });
  counting.self = false;
  reads.onProbe({ type: 'versionProbe', from: N2, to: N1, id: 1, keys: ['k'] });
  t.same(sent, []);
  reads.read('quorum', ['k'], waiter, 1);
  reads.seal();
  answer(N2, [[AT_3]]);
  t.same(told, [], 'one of the other two is no majority of three');
  answer(N3, [[AT_3]]);
  t.same(told, ['read 1']);
});
