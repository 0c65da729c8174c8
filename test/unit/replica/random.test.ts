import { Buffer } from 'node:buffer';
import t from 'tap';
import { assertDefined } from '../../../src/base/assert.js';
import { createPrng, type Prng } from '../../../src/base/prng.js';
import type { Operation } from '../../../src/kv/types.js';
import { Caller, valueOf } from '../../fixtures/replica/caller.js';
import { LocalCluster, type LocalReplica } from '../../fixtures/replica/local-cluster.js';

/**
 * Random cuts, pauses and restarts while clients with sessions write; at the end all replicas agree, and every write
 * that was acknowledged is there exactly once. Time is real, so a seed repeats the faults, not the schedule. Takes
 * up to about fifteen seconds on two busy cores.
 */
t.setTimeout(360_000);
const SEEDS = Number(process.env['KVORUM_TEST_SEEDS'] ?? 30);
const FIRST_SEED = Number(process.env['KVORUM_TEST_SEED'] ?? 1);
const CLIENTS = 4;
const FAULTS = 6;
/** Appends of each client that a run waits for. */
const ACKNOWLEDGED_MIN = 2;

const STORAGE = { checkpointBytes: 64 * 1024, retainBytes: 16 * 1024, segmentBytes: 128 * 1024 };
const TIMING = { tickMs: 2, heartbeatMs: 6, electionTimeoutMs: [20, 40], requestTimeoutMs: 400 };
const PADDING = 'x'.repeat(2000);

/** One request at a time; sent again with the same sequence number until it is answered for certain. */
class Client {
  readonly id: string;
  /** Sequence numbers that were acknowledged, and those of which nothing is known. */
  readonly acknowledged: number[] = [];
  readonly unknown: number[] = [];
  sum = 0;
  readonly errors: string[] = [];
  readonly #caller: Caller;
  readonly #prng: Prng;

  constructor(id: string, caller: Caller, prng: Prng) {
    this.id = id;
    this.#caller = caller;
    this.#prng = prng;
  }

  async run(cluster: LocalCluster, running: () => boolean): Promise<void> {
    for (let seq = 1; running(); seq++) {
      const append = this.#prng.float() < 0.5;
      if (await this.#once(cluster, running, seq, append)) {
        if (append) this.acknowledged.push(seq);
        else this.sum++;
      } else if (append) this.unknown.push(seq);
      else this.sum = Number.NaN; // Sent, and never answered: only the last request of a client.
      await this.#caller.put(this.#anyOf(cluster).keyspace, `${this.id}:filler:${seq % 5}`, `${seq}${PADDING}`);
    }
  }

  #operation(seq: number, append: boolean): Operation {
    if (!append) return { op: 'increment', key: `${this.id}:sum`, delta: 1n };
    return { op: 'append', key: `${this.id}:list`, value: Buffer.from(`${seq},`), maxBytes: 1e6 };
  }

  #anyOf(cluster: LocalCluster): LocalReplica {
    const nodes = [...cluster.nodes.values()];
    return assertDefined(nodes[this.#prng.between(0, nodes.length - 1)], 'a replica runs');
  }

  async #once(cluster: LocalCluster, running: () => boolean, seq: number, append: boolean): Promise<boolean> {
    for (;;) {
      const session = { clientId: this.id, seq };
      const outcome = await this.#caller.submit(this.#anyOf(cluster).keyspace, this.#operation(seq, append), session);
      if (outcome.ok) {
        if (outcome.result?.error !== null) this.errors.push(`${seq}: ${outcome.result?.error}`);
        return true;
      }
      if (!running()) return false;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function fault(cluster: LocalCluster, prng: Prng): Promise<void> {
  const pick = (): LocalReplica => {
    const nodes = [...cluster.nodes.values()];
    const leader = nodes.find(({ member }) => member.raft.role === 'leader');
    return (prng.float() < 0.5 ? leader : undefined) ?? assertDefined(nodes[prng.between(0, 2)], 'three run');
  };
  const { id, member } = pick();
  const kind = prng.between(0, 5);
  if (kind === 0) {
    await cluster.stopReplica(id);
    await pause(prng.between(0, 60));
    await cluster.startReplica(id);
  } else if (kind === 1) {
    cluster.isolate(id);
    await pause(prng.between(5, 120));
    cluster.isolate(id, false);
  } else if (kind === 2) {
    const other = assertDefined(
      cluster.ids.find((peer) => peer !== id),
      'a peer',
    );
    cluster.network.cut(id, other);
    await pause(prng.between(5, 120));
    cluster.network.heal(id, other);
  } else if (kind === 3) {
    cluster.network.pause(id, true);
    await pause(prng.between(5, 80));
    cluster.network.pause(id, false);
  } else if (kind === 4) {
    member.step({ type: 'transfer', target: null });
  } else {
    await member.checkpointNow();
  }
  await pause(prng.between(0, 30));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function runSeed(seed: number, dir: string): Promise<{ problems: string[]; acknowledged: number }> {
  const prng = createPrng(seed);
  const cluster = await LocalCluster.start({ seed, dir, storage: STORAGE, timing: TIMING });
  const caller = new Caller();
  const clients = Array.from({ length: CLIENTS }, (_, at) => new Client(`c${at}`, caller, prng.fork(`c${at}`)));
  let running = true;
  const done = Promise.all(clients.map((client) => client.run(cluster, () => running)));
  const faults = prng.fork('faults');
  for (let at = 0; at < FAULTS; at++) await fault(cluster, faults);
  // However busy the machine is: the healed cluster serves everybody again, and there is something to check.
  while (!clients.every(({ acknowledged }) => acknowledged.length >= ACKNOWLEDGED_MIN)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  running = false;
  await done;
  await cluster.converged();
  const problems: string[] = caller.toldTwice.map((token) => `waiter ${token} was told twice`);
  if (caller.waiting > 0) problems.push(`${caller.waiting} waiters were never told`);
  for (const { id, failure } of cluster.nodes.values())
    if (failure !== null) problems.push(`${id}: ${failure.message}`);
  if (new Set(cluster.running.map(({ member }) => member.digest())).size !== 1) problems.push('states differ');
  for (const client of clients) problems.push(...check(cluster, client));
  await cluster.close();
  return { problems, acknowledged: clients.reduce((sum, client) => sum + client.acknowledged.length, 0) };
}

function check(cluster: LocalCluster, { id, acknowledged, unknown, sum, errors }: Client): string[] {
  const { reader } = assertDefined(cluster.running[0], 'all run').member;
  const list = (valueOf(reader, `${id}:list`) ?? '').split(',').slice(0, -1).map(Number);
  const problems = errors.map((error) => `${id}: ${error}`);
  const wanted = list.filter((seq) => !unknown.includes(seq));
  if (wanted.join() !== acknowledged.join()) problems.push(`${id}: ${list.join()} is not ${acknowledged.join()}`);
  const total = Number(valueOf(reader, `${id}:sum`) ?? 0);
  if (!Number.isNaN(sum) && total !== sum) problems.push(`${id}: sum ${total} is not ${sum}`);
  return problems;
}

t.test('random faults', async (t) => {
  const folders = t.testdir(Object.fromEntries(Array.from({ length: SEEDS }, (_, at) => [`s${at}`, {}])));
  let acknowledged = 0;
  const PARALLEL = 6;
  const seeds = Array.from({ length: SEEDS }, (_, at) => at);
  const next = async (): Promise<void> => {
    for (let at = seeds.shift(); at !== undefined; at = seeds.shift()) {
      const seed = FIRST_SEED + at;
      const result = await runSeed(seed, `${folders}/s${at}`);
      t.same(result.problems, [], `seed ${seed}`);
      acknowledged += result.acknowledged;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, next));
  t.ok(acknowledged >= SEEDS * CLIENTS * ACKNOWLEDGED_MIN, `${acknowledged} acknowledged appends`);
});
