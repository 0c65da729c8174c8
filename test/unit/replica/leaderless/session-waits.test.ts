import t from 'tap';
import { originId, replicaId } from '../../../../src/base/brand.js';
import type { Dot } from '../../../../src/base/dot.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import type { EnsureOutcome, LeaderlessEvent } from '../../../../src/engines/leaderless/events.js';
import { Ensures } from '../../../../src/replica/leaderless/ensures.js';
import { Sessions } from '../../../../src/replica/leaderless/sessions.js';
import { createLeaderlessStats } from '../../../../src/replica/leaderless/stats.js';

const A = originId('n2~a');
const AT_3: Dot = { origin: A, seq: 3 };
const B = originId('n3~b');
const OF_B: Dot = { origin: B, seq: 1 };

/** A request that waits for both of A:3 and B:1 at a member that has nothing, with everything around it faked. */
function waiting() {
  const vector = new Map<Dot['origin'], number>();
  const clock = { now: 0, monotonicMs: () => clock.now, wallMs: () => 0 };
  const events: LeaderlessEvent[] = [];
  const told: string[] = [];
  const stats = createLeaderlessStats();
  const ensures = new Ensures((event) => events.push(event));
  const sessions = new Sessions({
    self: replicaId('n1'),
    clock,
    ensures,
    stats,
    waitMs: 100,
    vector: () => vector,
    stopped: () => new KvorumError('draining'),
  });
  const missing = sessions.missing({ seen: { dots: [AT_3, OF_B] } });
  sessions.wait(
    missing,
    undefined,
    () => told.push('served'),
    ({ code, extra }) => told.push(`${code} ${JSON.stringify(extra?.['missing'] ?? null)}`),
  );
  const expire = (): void => {
    clock.now = 100;
    ensures.expire(clock.now);
  };
  const end = (result: EnsureOutcome['result']): void => ensures.onOutcome({ id: 1, result, missing: [] });
  return { end, ensures, events, expire, sessions, stats, told, vector };
}

const HERE = [
  [A, 3],
  [B, 1],
] as const;

t.test(
  'what has come by the time that a request has waited for is served (ap.md §1.2.5: 503 says what is missing)',
  async (t) => {
    const { expire, sessions, stats, told, vector } = waiting();
    // Merged by a full sync, and on its way to the disk: the engine vouches for nothing of it yet.
    for (const [origin, seq] of HERE) vector.set(origin, seq);
    expire();
    t.same(told, ['served']);
    t.equal(sessions.waiting, 0);
    t.equal(stats.dependencyTimeouts, 0);
  },
);

t.test('what has come in part is refused, with what is missing (ap.md §1.2.5)', async (t) => {
  const { expire, stats, told, vector } = waiting();
  vector.set(A, 3).set(B, 0);
  expire();
  t.match(told, [/^dependencies_not_satisfied .*"replica":"n3","have":0,"need":1/]);
  t.equal(stats.dependencyTimeouts, 1);
  const nothing = waiting();
  nothing.vector.set(A, 2).set(B, 1);
  nothing.expire();
  t.match(nothing.told, [/^dependencies_not_satisfied .*"replica":"n2","have":2,"need":3/]);
});

t.test('nothing is lost that is here: 410 only for what is nowhere (ap.md §1.2.5)', async (t) => {
  const here = waiting();
  for (const [origin, seq] of HERE) here.vector.set(origin, seq);
  here.end('lost');
  t.same(here.told, ['served']);
  const nowhere = waiting();
  nowhere.vector.set(A, 3);
  nowhere.end('lost');
  t.match(nowhere.told, [/^causal_history_lost /]);
});

t.test('whoever stops, or has too many who wait, says so whatever is here', async (t) => {
  const busy = waiting();
  for (const [origin, seq] of HERE) busy.vector.set(origin, seq);
  busy.end('busy');
  t.match(busy.told, [/^busy /]);
  const stopped = waiting();
  for (const [origin, seq] of HERE) stopped.vector.set(origin, seq);
  stopped.ensures.stop();
  t.match(stopped.told, [/^draining /]);
});

t.test('what is here at once waits for nothing (ap.md §1.2.5)', async (t) => {
  const { sessions, vector } = waiting();
  t.same(sessions.missing({ seen: { dots: [AT_3, OF_B] } }), [AT_3, OF_B]);
  t.same(sessions.missing({ context: [AT_3] }), [AT_3], 'a context counts as well');
  for (const [origin, seq] of HERE) vector.set(origin, seq);
  t.same(sessions.missing({ seen: { dots: [AT_3] }, context: [OF_B] }), []);
});
