import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { connect } from '../../src/client/client.js';
import { createPrng } from '../../src/base/prng.js';
import { PATIENCE_MS, ProcessCluster, eventually } from './process-cluster.js';
import { Writer } from './writers.js';

/**
 * The promise of the product: with clients writing without pause the whole process is killed at random instants and
 * started again; every acknowledged write is there with its value, and no increment counts twice.
 */
const ROUNDS = Number(process.env['KVORUM_TEST_KILL_ROUNDS'] ?? 20);
const SEED = Number(process.env['KVORUM_TEST_KILL_SEED'] ?? Date.now() % 1_000_000);

/** Increments a counter of its own through the Redis protocol; knows the least and the most it may be. */
class Counter {
  acknowledged = 0;
  unknown = 0;
  readonly key: string;
  #running = true;
  #done: Promise<void> = Promise.resolve();

  constructor(key: string) {
    this.key = key;
  }

  start(port: number): void {
    this.#running = true;
    this.#done = this.#run(port);
  }

  async #run(port: number): Promise<void> {
    const redis = new Redis({
      port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      while (this.#running) {
        this.unknown++; // From the moment it is sent.
        await redis.incr(this.key);
        this.unknown--;
        this.acknowledged++;
      }
    } catch {
      // The process died, or answered that it does not know: this increment stays unknown.
    } finally {
      redis.disconnect();
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}

t.setTimeout(540_000);

t.test(`kill -9 of everything, ${ROUNDS} times`, { timeout: 540_000 }, async (t) => {
  t.comment(`seed ${SEED}`);
  const prng = createPrng(SEED);
  const cluster = await ProcessCluster.create(t.testdir({}));
  t.teardown(async () => {
    await cluster.kill();
    if (!t.passing()) t.comment(cluster.stderr.slice(-8000));
  });
  await cluster.start();
  const nodes = cluster.replicas.map(({ http }) => http);
  const writers = Array.from({ length: 16 }, (_, at) => new Writer(`w${at}`, nodes));
  const counters = Array.from({ length: 4 }, (_, at) => new Counter(`counter:${at}`));
  const readyMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const writer of writers) writer.start();
    for (const [at, counter] of counters.entries()) counter.start(cluster.replicas[at % 3]?.redisPort ?? 0);
    await new Promise((resolve) => setTimeout(resolve, prng.between(20, 300))); // The random instant.
    await cluster.kill();
    await Promise.all(counters.map((counter) => counter.stop()));
    const startMs = performance.now();
    await cluster.start();
    readyMs.push(Math.round(performance.now() - startMs));
    await Promise.all(writers.map((writer) => writer.stop()));
    await verify(t, cluster, writers, counters, round);
  }
  const acknowledged = counters.reduce((sum, counter) => sum + counter.acknowledged, 0);
  const writes = writers.reduce((sum, { count }) => sum + count, 0);
  t.comment(`acknowledged ${writes} puts, ${acknowledged} increments; milliseconds to start: ${readyMs.join(', ')}`);
  for (const writer of writers) writer.close();
  t.equal(await cluster.drain(), 0, 'SIGTERM drains and ends with 0');
});

async function verify(
  t: Test,
  cluster: ProcessCluster,
  writers: readonly Writer[],
  counters: readonly Counter[],
  round: number,
): Promise<void> {
  const client = connect({ node: cluster.replicas[round % 3]?.http ?? '' });
  const found = await eventually('a read after the restart', PATIENCE_MS, async () => {
    const items = new Map<string, string>();
    let cursor: string | null = null;
    do {
      const page = await client.scan({ limit: 1000, ...(cursor === null ? {} : { cursor }) });
      for (const { key, value } of page.items) items.set(key ?? '', value ?? '');
      ({ cursor } = page);
    } while (cursor !== null);
    return items;
  });
  const lost: string[] = [];
  for (const writer of writers) {
    for (const [key, value] of writer.acknowledged)
      if (found.get(key) !== value) lost.push(`${key}: ${value} is ${found.get(key)}`);
  }
  t.same(lost, [], `round ${round}: every acknowledged write is there with its value`);
  for (const { key, acknowledged, unknown } of counters) {
    const value = Number(found.get(key) ?? 0);
    t.ok(value >= acknowledged && value <= acknowledged + unknown, `${key} is ${value} of ${acknowledged}+${unknown}`);
  }
}
