import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { formatHgrm, percentilesOf } from '../../workload/latency.js';
import { describeMachine } from '../../workload/machine.js';
import { LoadGenerator } from '../../workload/run.js';
import {
  DISTRIBUTIONS,
  WORKLOAD_LIMITS,
  YCSB_MIXES,
  type Endpoint,
  type WorkloadSettings,
} from '../../workload/settings.js';
import { checkWriteQuorum, setWriteQuorum, settingsOf, stepsOf, type SweepStep } from '../../workload/sweep.js';
import { checkHasLeaders, keyspaceOf, onlyLeaderWrites, resolveTarget, type Target } from '../../workload/targets.js';
import { BenchProgress } from '../output/bench-progress.js';
import {
  benchDocument,
  formatSummary,
  formatSweep,
  type BenchRow,
  type LoadRow,
  type SecondRow,
} from '../output/bench-summary.js';
import { printJson } from '../output/json.js';
import {
  between,
  checkSettings,
  collectSweeps,
  DEFAULT_SECONDS,
  parseByteRange,
  settingsFromFlags,
  type BenchFlags,
} from './bench-flags.js';

const EXAMPLES = `
Examples:
  $ kvorum bench --load --seconds 10                         # half reads, half writes, at the default node
  $ kvorum bench --topology configs/local.yaml --mix b --clients 100
  $ kvorum bench --rate 5000 --read-ratio 0.9                # open loop: latency counts from when a request was due
  $ kvorum bench --protocol http --mix e --load
  $ kvorum bench --sweep clients=1,10,50 --sweep pipeline=1,16 -o json --out sweep.json
  $ kvorum bench --sweep write-quorum=1..5 --keyspace orders
  $ kvorum bench --node redis://127.0.0.1:6379 --hgrm redis.hgrm

Seconds go to stderr, the summary to stdout. Exit code 9 when the run is invalid: the generator, and not the store, was
measured. See docs/benchmarking.md.`;

/** `kvorum bench`: puts load on a cluster and measures it. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Put load on a cluster, in a closed or an open loop, and measure throughput and latency')
    .addOption(new Option('--protocol <name>', 'protocol of the clients').choices(['resp', 'http']).default('resp'))
    .option('--topology <file>', 'the replicas of a topology file, instead of --node (which takes several, by commas)')
    .option('--keyspace <name>', 'keyspace instead of the default one')
    .option('--leader', 'connect to the leader only, instead of to all given replicas in turn');
  addLoadFlags(command);
  addWorkloadFlags(command);
  return command
    .option('--sweep <name=values>', 'run once for each value; may be repeated: every combination', collectSweeps)
    .option('--out <file.json>', 'write the JSON document to a file')
    .option('--hgrm <file.hgrm>', 'write the percentile distribution in the format of HdrHistogram')
    .addHelpText('after', EXAMPLES)
    .action((flags: BenchFlags, self: Command) =>
      bench(flags, self.optsWithGlobals<{ node: string; output: string }>()),
    );
}

function addLoadFlags(command: Command): void {
  const { clients, pipeline, rate, seconds, threads } = WORKLOAD_LIMITS;
  const group = 'Load:';
  const options = [
    new Option('--clients <n>', 'connections').argParser(between(1, clients)).default(50),
    new Option('--pipeline <n>', 'requests in flight on each').argParser(between(1, pipeline)).default(1),
    new Option('--rate <ops/s>', 'open loop: operations are due at this rate, answered or not').argParser(
      between(1, rate, false),
    ),
    new Option('--threads <n>', 'generator threads (default: half of the cores)').argParser(between(1, threads)),
    new Option('--seconds <s>', `how long is measured (default: ${DEFAULT_SECONDS})`).argParser(
      between(0.1, seconds, false),
    ),
    new Option('--operations <n>', 'how many operations are measured, instead of a time').argParser(between(1, 1e12)),
    new Option('--warmup <s>', 'load before the measurement begins').argParser(between(0, seconds, false)).default(1),
    new Option('--timeout <ms>', 'a request without an answer for so long failed')
      .argParser(between(1, 600_000))
      .default(10_000),
  ];
  for (const option of options) command.addOption(option.helpGroup(group));
}

function addWorkloadFlags(command: Command): void {
  const group = 'Workload:';
  const options = [
    new Option('--mix <name>', 'a core workload of YCSB').choices(Object.keys(YCSB_MIXES)),
    new Option('--read-ratio <share>', 'share of reads, the rest updates (default: 0.5)').argParser(
      between(0, 1, false),
    ),
    new Option('--keys <n>', 'number of keys').argParser(between(1, WORKLOAD_LIMITS.keys)).default(100_000),
    new Option('--distribution <name>', 'how keys are chosen (default: uniform, or that of the mix)').choices(
      DISTRIBUTIONS,
    ),
    new Option('--value-bytes <n|a..b>', 'length of values')
      .argParser(parseByteRange)
      .default({ min: 256, max: 256 }, '256'),
    new Option('--seed <n>', 'of everything that is drawn').argParser(between(0, 0xffff_ffff)).default(1),
    new Option('--load', 'write every key once before the run'),
  ];
  for (const option of options) command.addOption(option.helpGroup(group));
}

async function bench(flags: BenchFlags, globals: { readonly node: string; readonly output: string }): Promise<void> {
  const settings = settingsFromFlags(flags);
  const steps = stepsOf(flags.sweep ?? []);
  if (flags.hgrm !== undefined && steps.length > 1) {
    throw new KvorumError('usage', '--hgrm has the distribution of one run: not with a --sweep of several');
  }
  const target = await resolveTarget({
    nodes: globals.node.split(',').map((node) => node.trim()),
    topology: flags.topology ?? null,
    protocol: flags.protocol,
    keyspace: settings.keyspace,
    leaderOnly: flags.leader === true,
  });
  for (const warning of target.warnings) process.stderr.write(`warning: ${warning}\n`);
  // Everything that is wrong with a step is told before the first one runs.
  const runs = steps.map((step) => ({ step, settings: settingsOf(step, settings, target) }));
  for (const run of runs) {
    checkSettings(run.settings);
    if (flags.leader === true) checkHasLeaders(keyspaceOf(target.keyspaces, run.settings.keyspace));
    const quorum = run.step['write-quorum'];
    if (quorum !== undefined) await checkWriteQuorum(target, run.settings.keyspace, Number(quorum));
  }
  const rows = await new BenchRun(flags, target, globals.output === 'json').all(runs);
  const document = benchDocument(rows, benchTarget(target), describeMachine());
  if (globals.output === 'json') printJson(document);
  else if (flags.sweep !== undefined) process.stdout.write(`\n${formatSweep(rows)}`);
  if (flags.out !== undefined) save(flags.out, `${JSON.stringify(document, null, 2)}\n`);
  const [first] = rows;
  if (flags.hgrm !== undefined && first !== undefined) save(flags.hgrm, formatHgrm(first.result.latencies));
  failWhenInvalid(rows);
}

function benchTarget({ cluster, endpoints, version }: Target): Parameters<typeof benchDocument>[1] {
  return { cluster, version, endpoints: endpoints.map(({ host, name, port }) => `${name} ${host}:${port}`) };
}

interface PlannedRun {
  readonly step: SweepStep;
  readonly settings: WorkloadSettings;
}

/** The runs of one command, one after the other. */
class BenchRun {
  readonly #flags: BenchFlags;
  readonly #target: Target;
  readonly #json: boolean;
  readonly #progress = new BenchProgress(process.stderr);
  readonly #abort = new AbortController();
  /** What was loaded last: runs that differ in neither keyspace nor values find their keys there. */
  #loaded = '';

  constructor(flags: BenchFlags, target: Target, json: boolean) {
    this.#flags = flags;
    this.#target = target;
    this.#json = json;
  }

  async all(runs: readonly PlannedRun[]): Promise<BenchRow[]> {
    const threads = Math.max(...runs.map(({ settings }) => settings.threads));
    const generator = new LoadGenerator(threads);
    const onSignal = (): void => this.#abort.abort();
    process.once('SIGINT', onSignal); // What was measured until then is shown; a second one ends the process.
    const rows: BenchRow[] = [];
    try {
      for (const run of runs) {
        if (this.#abort.signal.aborted) break;
        const row = await this.#one(generator, run);
        rows.push(row);
        if (!this.#json && this.#flags.sweep === undefined) process.stdout.write(formatSummary(row));
      }
      return rows;
    } finally {
      this.#progress.end();
      process.off('SIGINT', onSignal);
      await generator.close();
    }
  }

  async #one(generator: LoadGenerator, { settings, step }: PlannedRun): Promise<BenchRow> {
    const quorum = step['write-quorum'];
    if (quorum !== undefined) await setWriteQuorum(this.#target, settings.keyspace, Number(quorum));
    const label = Object.entries(step).map(([name, value]) => `${name}=${value}`);
    if (label.length > 0) this.#progress.line(label.join(' '));
    const endpoints = await this.#endpoints(settings);
    const load = await this.#load(generator, settings, endpoints);
    const seconds: SecondRow[] = [];
    let operations = 0;
    const unit = settings.operations === null ? 's' : 'operations';
    this.#progress.begin('run', settings.operations ?? settings.seconds, unit);
    const result = await generator.run(settings, endpoints, {
      signal: this.#abort.signal,
      onSecond: (second) => {
        operations += second.operations + second.errors;
        this.#progress.second(second, settings.operations === null ? second.second : operations);
        const { p50Us = null, p99Us = null } = percentilesOf(second.latencies) ?? {};
        seconds.push({ second: second.second, operations: second.operations, errors: second.errors, p50Us, p99Us });
      },
    });
    this.#progress.end();
    return { step, result, seconds, load, interrupted: this.#abort.signal.aborted };
  }

  /** Leaders move from run to run, and keyspaces have different ones. */
  async #endpoints({ keyspace, mix }: WorkloadSettings): Promise<readonly Endpoint[]> {
    const { endpoints, keyspaces, nodes } = this.#target;
    const { protocol } = this.#flags;
    const refused = mix.read < 1 && keyspaces.length > 0 && onlyLeaderWrites(keyspaceOf(keyspaces, keyspace), protocol);
    if (this.#flags.leader !== true && !refused) return endpoints;
    if (this.#flags.leader !== true && endpoints.length > 1) {
      this.#progress.line(
        'all connections to the leader: followers of this keyspace refuse writes over the Redis protocol',
      );
    }
    return (await resolveTarget({ nodes, topology: null, protocol, keyspace, leaderOnly: true })).endpoints;
  }

  async #load(
    generator: LoadGenerator,
    settings: WorkloadSettings,
    endpoints: readonly Endpoint[],
  ): Promise<LoadRow | null> {
    const { keys, keyspace, valueBytes } = settings;
    const wanted = JSON.stringify({ keyspace, valueBytes });
    if (this.#flags.load !== true || wanted === this.#loaded || this.#abort.signal.aborted) return null;
    this.#loaded = wanted;
    this.#progress.begin('load', keys, 'keys');
    let done = 0;
    const result = await generator.load(settings, endpoints, {
      signal: this.#abort.signal,
      onSecond: (second) => this.#progress.second(second, (done += second.operations)),
    });
    this.#progress.end();
    const failed = result.failed + result.unknown;
    const row = { keys: result.operations, failed, seconds: result.elapsedMs / 1000 };
    this.#progress.line(`loaded ${row.keys} keys in ${row.seconds.toFixed(1)} s`);
    const [first] = result.errors;
    if (failed > 0) this.#progress.line(`warning: ${failed} keys were not loaded: ${first?.example}`);
    return row;
  }
}

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new KvorumError('usage', `${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

/** A figure that nobody may rely on is not a success. */
function failWhenInvalid(rows: readonly BenchRow[]): void {
  const invalid = rows.flatMap(({ result }) => result.invalid.map(({ text }) => text));
  if (invalid.length === 0) return;
  const which = rows.length === 1 ? 'The run is INVALID' : 'Runs of the sweep are INVALID';
  throw new KvorumError('check_failed', `${which}: ${[...new Set(invalid)].join('; ')}`);
}
