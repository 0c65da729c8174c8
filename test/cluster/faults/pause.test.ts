import t from 'tap';
import { isKvorumError } from '../../../src/base/errors/error.js';
import { KvorumClient } from '../../../src/client/client.js';
import { runningCluster } from './fixture.js';
import { RedisCaller } from './redis-caller.js';
import { assertLinearizable } from './verify.js';
import { Workload } from './workload.js';

/**
 * SIGSTOP and SIGCONT (reliability.md §2.2): a leader that wakes up finds requests in its sockets that were sent while
 * others elected another leader and wrote. It must not answer them from what it remembers.
 */
const ROUNDS = 2;
const READERS = 10;
const WAIT_MS = 8000;

t.setTimeout(180_000);

const { cluster, prng } = await runningCluster(t, 3);

t.test('a leader that was paused for longer than an election reads nothing stale', { timeout: 180_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: 5 });
  workload.start();
  const answers = new Map<string, number>();
  const note = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
  for (let round = 0; round < ROUNDS; round++) {
    const old = await cluster.leader();
    using http = new KvorumClient({ node: old.http, timeoutMs: WAIT_MS });
    const redis = Array.from({ length: READERS }, () => new RedisCaller(old, 'default', WAIT_MS));
    await cluster.served('a write', () => http.put('x', `old ${round}`));
    await Promise.all(redis.map((caller) => caller.request('GET', 'x'))); // Connected before the pause.
    old.process.pause();
    const next = await cluster.leader('default', new Set([old.id]));
    using other = new KvorumClient({ node: next.http, timeoutMs: WAIT_MS });
    await cluster.served('a write of the others', () => other.put('x', `new ${round}`));
    // These wait in the sockets of a process that does not run.
    const overHttp = Array.from({ length: READERS }, async () => (await http.get('x'))?.value ?? 'absent');
    const overRedis = redis.map((caller) => caller.request('GET', 'x'));
    const late = http.cas('x', `old ${round}`, 'from the past');
    late.catch(() => undefined);
    await cluster.served('a read', () => other.get('x')); // By the time of this answer everything is written.
    old.process.resume();
    for (const answer of await Promise.allSettled(overHttp)) {
      if (answer.status === 'fulfilled') t.equal(answer.value, `new ${round}`, 'over HTTP');
      else if (!isKvorumError(answer.reason)) throw answer.reason;
      note(answer.status === 'fulfilled' ? 'read' : 'refused');
    }
    for (const answer of await Promise.all(overRedis)) {
      if (answer.kind === 'reply') t.equal(answer.value, `new ${round}`, 'over the Redis protocol');
      note(answer.kind === 'reply' ? 'read' : 'refused');
    }
    await t.rejects(late, 'a condition on the past does not hold');
    t.equal((await cluster.served('a read', () => other.get('x')))?.value, `new ${round}`);
    for (const caller of redis) caller.close();
    await cluster.settled();
  }
  assertLinearizable(t, await workload.stop(), 'around the pauses');
  t.comment(`waiting reads: ${JSON.stringify([...answers])}; ${JSON.stringify(workload.tally)}`);
});

t.test('all replicas pause at once, and nothing is lost', { timeout: 180_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: 5 });
  workload.start();
  for (let round = 0; round < ROUNDS; round++) {
    await cluster.until('requests', 30_000, async () => workload.count('ok') > (round + 1) * 100 || undefined);
    for (const { process } of cluster.replicas) process.pause();
    await new Promise((resolve) => setTimeout(resolve, 400)); // Longer than any election timeout.
    for (const { process } of cluster.replicas) process.resume();
    await cluster.settled();
  }
  assertLinearizable(t, await workload.stop(), 'around the pauses of all');
});
