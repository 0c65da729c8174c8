import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { assert } from '../../src/base/assert.js';
import { createPrng } from '../../src/base/prng.js';
import { Counters } from '../cluster/faults/counters.js';
import { FaultCluster } from '../cluster/faults/fault-cluster.js';
import { Nemesis } from '../cluster/faults/nemesis.js';
import { ProxyNetwork } from '../cluster/faults/network.js';
import { faultPlan } from '../cluster/faults/plan.js';
import { checkIncrements } from '../cluster/faults/verify.js';
import { Workload } from '../cluster/faults/workload.js';
import { EpochChecker } from './checker.js';

const USAGE = `Runs a cluster of host processes under faults, and checks what its clients saw.

  node <out>/test/soak/main.js [--minutes 30] [--replicas 3] [--replicas-max 5] [--clients 12] [--seed 1] [--out DIR]
      [--keyspace loose] [--steady]

Members come and go, between --replicas (3 or more) and --replicas-max of them, unless the run is --steady. The same seed
gives the same kinds of faults in the same order; without changes of members also the same victims. Progress goes to
stderr, a summary as JSON to stdout. The keyspace "loose" reads without asking the other replicas: there violations are
to be found.

Exit code 9: something was not linearizable, or could not be decided; the epoch's history is in DIR, for kvorum check.
Exit code 1: the cluster did not recover from a fault, or the program failed.
`;

const PLAN = { lastsMs: [300, 3000], restMs: [300, 2000] } as const;
/** Replicas that wait to be added; when they are used up there are new ones, and everybody is told. */
const SPARE = 6;
/** An epoch ends with the fault after this many milliseconds, or operations: what a check looks at stays small. */
const EPOCH_MS = 4000;
const EPOCH_OPERATIONS_MAX = 20_000;
const PROGRESS_MS = 10_000;
const REST_MS = 3;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    replicas: { type: 'string', default: '3' },
    'replicas-max': { type: 'string', default: '5' },
    steady: { type: 'boolean', default: false },
    clients: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: join(tmpdir(), 'kvorum-soak') },
    keyspace: { type: 'string', default: 'default' },
    help: { type: 'boolean', default: false },
  },
});

/** A new counter for each epoch, so that increments do not have to be kept. */
class IncrementEpochs {
  count = 0;
  /** What was wrong with a counter, if anything was. */
  readonly wrong: string[] = [];
  readonly #cluster: FaultCluster;
  #counters: Counters | null = null;
  #epoch = 0;

  constructor(cluster: FaultCluster) {
    this.#cluster = cluster;
  }

  async next(): Promise<void> {
    await this.stop();
    this.#counters = new Counters(`counter:${this.#epoch++}`, this.#cluster, REST_MS);
    this.#counters.start();
  }

  async stop(): Promise<void> {
    if (this.#counters === null) return;
    const increments = await this.#counters.stop();
    const wrong = checkIncrements(increments);
    this.count += increments.length;
    if (wrong !== null) this.wrong.push(`${this.#counters.key}: ${wrong}`);
    this.#counters = null;
  }
}

interface Run {
  readonly cluster: FaultCluster;
  readonly workload: Workload;
  readonly nemesis: Nemesis;
  readonly checker: EpochChecker;
  readonly increments: IncrementEpochs;
  readonly startMs: number;
  readonly endMs: number;
}

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1000);
}

function progress({ checker, nemesis, startMs, workload }: Run): void {
  const faults = Object.values(nemesis.injected).reduce((sum, count) => sum + count, 0);
  const counts = ['ok', 'mismatch', 'failed', 'unknown'].map((outcome) => `${outcome} ${workload.count(outcome)}`);
  const verdicts = `${checker.checked} epochs checked, ${checker.violations} violations, ${checker.undecided} undecided`;
  const memoryMib = Math.round(process.memoryUsage.rss() / 1024 / 1024);
  process.stderr.write(
    `${secondsSince(startMs)} s: ${counts.join(', ')}; ${faults} faults; ${verdicts}; ${memoryMib} MiB\n`,
  );
}

/** One fault after the other until the time is over. */
async function faultsUntilEnd(run: Run, seed: number): Promise<void> {
  const { checker, cluster, endMs, increments, nemesis, workload } = run;
  let epochMs = performance.now();
  const plan = { ...PLAN, changes: !values.steady };
  for (const fault of faultPlan(createPrng(seed).fork('plan'), () => cluster.ids, plan)) {
    if (performance.now() >= endMs) return;
    try {
      await nemesis.carryOut(fault);
    } catch (error) {
      throw new Error(`after ${fault.kinds.join(' + ')} on ${fault.order.join(' ')}`, { cause: error });
    }
    if (performance.now() - epochMs < EPOCH_MS) continue;
    epochMs = performance.now();
    await checker.submit((await workload.nextEpoch()).operations);
    await increments.next();
  }
}

async function main(): Promise<number> {
  const seed = Number(values.seed);
  assert(Number(values.replicas) >= 3, 'faults between two replicas leave a third one');
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-soak-data-'));
  const prng = createPrng(seed);
  const sizes = [Number(values.replicas), Math.max(Number(values.replicas), Number(values['replicas-max']))] as const;
  const network = await ProxyNetwork.create(sizes[0], prng.fork('network'), values.steady ? 0 : SPARE);
  const cluster = FaultCluster.create(folder, network);
  const { keyspace } = values;
  const options = {
    keyspace,
    restMs: REST_MS,
    epochOperationsMax: EPOCH_OPERATIONS_MAX,
    clients: Number(values.clients),
  };
  const workload = new Workload({ cluster, prng: prng.fork('clients'), ...options });
  const checker = new EpochChecker(values.out);
  const startMs = performance.now();
  const endMs = startMs + Number(values.minutes) * 60_000;
  const nemesis = new Nemesis(cluster, network, sizes);
  const run: Run = { cluster, workload, nemesis, checker, increments: new IncrementEpochs(cluster), startMs, endMs };
  const ticker = setInterval(() => progress(run), PROGRESS_MS);
  let recovered = true;
  try {
    await cluster.start();
    workload.start();
    await run.increments.next();
    await faultsUntilEnd(run, seed);
  } catch (error) {
    recovered = false;
    process.stderr.write(`${inspect(error)}\n`);
  }
  await checker.submit((await workload.stop()).operations);
  await run.increments.stop();
  await checker.finish();
  clearInterval(ticker);
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
  const { wrong } = run.increments;
  const { checked, files, operations, slowestMs, undecided, violations } = checker;
  const summary = {
    seed,
    seconds: secondsSince(startMs),
    members: cluster.ids,
    operations: workload.tally,
    faults: nemesis.injected,
    changesRepeated: nemesis.operator.failures,
    epochs: { checked, operations, violations, undecided, slowestCheckMs: slowestMs, files },
    increments: { count: run.increments.count, wrong },
    recovered,
  };
  process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
  if (violations > 0 || undecided > 0 || wrong.length > 0) return 9;
  return recovered ? 0 : 1;
}

if (values.help) process.stdout.write(USAGE);
else process.exit(await main());
