import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import type { SeedViolation } from '../../sim/job.js';
import { runCaught } from '../../sim/job.js';
import { drawPlan, type DrawOptions } from '../../sim/plan/draw/index.js';
import { FAULT_CLASSES, parseFaults, type FaultClass } from '../../sim/plan/faults.js';
import { formatPlanFile, loadPlanFile } from '../../sim/plan/file.js';
import { SIMULATED_ENGINES, type Plan, type SimulatedEngine } from '../../sim/plan/plan.js';
import { runPlan, type FoundViolation, type RunResult } from '../../sim/run.js';
import { Trace } from '../../sim/runner/trace.js';
import { Sweep, type SweepResult } from '../../sim/sweep.js';
import { ProgressLine } from '../output/sim-progress.js';
import { printSummary, summaryDocument } from '../output/sim-summary.js';
import { printJson } from '../output/json.js';

const EXAMPLES = `
Classes of faults: ${FAULT_CLASSES.join(', ')}.

Examples:
  $ kvorum sim                                          # seeds 1 to 100, all faults
  $ kvorum sim --seeds 1..100000 --minutes 10           # as many of them as ten minutes allow
  $ kvorum sim --seeds 7..7 --trace                     # what happens in one world, event by event
  $ kvorum sim --engine causal --seeds 1..1000          # groups without a leader
  $ kvorum sim --engine semisync                        # a leader, followers and a write quorum
  $ kvorum sim --faults crash,power,-rot --replicas 5
  $ kvorum sim --plan sim-failures/seed-123.json        # replay what a failure was reduced to

Exit code 9 when a promise was broken; the output has the line that replays it. See docs/simulator.md.`;

/** Every so many seeds one runs twice, to see that both runs are the same. */
const DETERMINISM_EVERY = 25;
const SHRINK_RUNS_MAX = 600;
const SHRINK_TIME_MAX_MS = 60_000;
const SEED_MAX = 0xffff_ffff;

interface SimFlags {
  readonly engine: SimulatedEngine;
  readonly seeds: SeedRange;
  readonly faults: FaultClass[];
  readonly replicas?: number;
  readonly minutes?: number;
  readonly jobs: number;
  readonly trace?: true;
  readonly checkDeterminism?: true;
  readonly shrink: boolean;
  readonly keepGoing?: true;
  readonly plan?: string;
  readonly out: string;
}

interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** `kvorum sim`: runs seeds of the deterministic simulator, or replays a plan. */
export function simCommand(): Command {
  return new Command('sim')
    .description('Run whole clusters on virtual time with every fault there is, and check every promise')
    .addOption(new Option('--engine <engine>', 'engine of the keyspace').choices(SIMULATED_ENGINES).default('raft'))
    .addOption(
      new Option('--seeds <a..b>', 'seeds to run: 7, 1..1000, or 1.. for as long as --minutes says')
        .argParser(parseSeeds)
        .default({ first: 1, last: 100 }, '1..100'),
    )
    .addOption(
      new Option('--faults <list>', 'classes of faults: all, none, or names; a dash takes one out')
        .argParser(readFaults)
        .default(parseFaults('all'), 'all'),
    )
    .option('--replicas <n>', 'first replicas of every world (drawn by default)', numberBetween(1, 9))
    .option('--minutes <m>', 'begin no more seeds after this time', positiveNumber)
    .option('--jobs <n>', 'worker threads', numberBetween(1, 256), availableParallelism())
    .option('--trace', 'print what happens, event by event (one seed, or a plan)')
    .option('--check-determinism', `run every seed twice, not only every ${DETERMINISM_EVERY}th`)
    .option('--no-shrink', 'do not reduce a failure to a small plan')
    .option('--keep-going', 'count violations instead of ending with the first one')
    .option('--plan <file>', 'replay this plan instead of seeds')
    .option('--out <dir>', 'where failures are saved', 'sim-failures')
    .addHelpText('after', EXAMPLES)
    .action((flags: SimFlags, command: Command) => run(flags, command.optsWithGlobals()['output'] === 'json'));
}

function parseSeeds(text: string): SeedRange {
  const [, first = '', range, last = ''] = /^(\d+)(\.\.(\d*))?$/.exec(text) ?? [];
  const from = Number(first);
  const to = range === undefined ? from : last === '' ? SEED_MAX : Number(last);
  if (first === '' || from > to || to > SEED_MAX) throw new InvalidArgumentError('write 7, 1..1000 or 1..');
  return { first: from, last: to };
}

function readFaults(text: string): FaultClass[] {
  try {
    return parseFaults(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function numberBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`a whole number from ${low} to ${high}`);
    }
    return value;
  };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0');
  return value;
}

async function run(flags: SimFlags, json: boolean): Promise<void> {
  const { first, last } = flags.seeds;
  if (flags.plan !== undefined) return runOne(flags, loadPlanFile(flags.plan).plan, json);
  if (flags.trace !== undefined) {
    if (first !== last) throw new KvorumError('usage', '--trace shows one seed: --seeds 7..7');
    return runOne(flags, drawPlan(first, drawOptions(flags)), json);
  }
  if (last === SEED_MAX && flags.minutes === undefined) {
    throw new KvorumError('usage', 'Seeds without an end need --minutes');
  }
  return sweep(flags, json);
}

function drawOptions({ engine, faults, replicas }: SimFlags): DrawOptions {
  return { engine, faults, replicas };
}

/** One plan, in this thread. */
async function runOne(flags: SimFlags, plan: Plan, json: boolean): Promise<void> {
  const result = flags.trace === undefined ? await runCaught(plan, true) : await runTraced(plan);
  const { hash, statistics, violation } = result;
  if (json) printJson({ schemaVersion: 1, ok: violation === null, hash, violation, statistics });
  else if (flags.trace === undefined) printSummary(statistics, null);
  if (violation !== null) throw broken(violation, flags.plan === undefined ? [] : [replayOfPlan(flags.plan)]);
}

function runTraced(plan: Plan): Promise<RunResult> {
  const trace = new Trace((line) => process.stdout.write(`${line}\n`));
  return runPlan(plan, {
    observers: [trace.observer],
    onWorld: ({ time }) => trace.use(time),
    onStrike: ({ nemesis, options }) => trace.tell('nemesis', `${nemesis} ${JSON.stringify(options)}`),
  });
}

async function sweep(flags: SimFlags, json: boolean): Promise<void> {
  const progress = new ProgressLine(process.stderr);
  const sweep = new Sweep({
    firstSeed: flags.seeds.first,
    lastSeed: flags.seeds.last,
    draw: drawOptions(flags),
    determinismEvery: flags.checkDeterminism === undefined ? DETERMINISM_EVERY : 1,
    jobs: flags.jobs,
    keepGoing: flags.keepGoing !== undefined,
    timeMaxMs: (flags.minutes ?? Infinity) * 60_000,
    onProgress: (each) => progress.show(each),
  });
  const stop = (): void => void sweep.stop();
  process.once('SIGINT', stop);
  try {
    const result = await sweep.run();
    progress.end();
    const [violation] = result.violations;
    if (violation === undefined) return print(flags, result, [], json);
    const replay = [replayOfSeed(flags, violation.seed)];
    replay.push(...(await saveFailure(flags, sweep, violation)));
    print(flags, result, replay, json);
    throw broken(violation, json ? [] : replay);
  } finally {
    process.off('SIGINT', stop);
    await sweep.close();
  }
}

function print(flags: SimFlags, result: SweepResult, replay: readonly string[], json: boolean): void {
  if (json) printJson(summaryDocument(flags.engine, result, replay));
  else printSummary(result.statistics, result);
}

/** Reduces the failure, unless that is not wanted, and saves it. Returns the line that replays it. */
async function saveFailure(flags: SimFlags, sweep: Sweep, violation: SeedViolation): Promise<string[]> {
  const { detail, invariant, seed } = violation;
  const drawn = drawPlan(seed, drawOptions(flags));
  let plan = drawn;
  let about = `seed ${seed}: ${invariant}: ${detail}`;
  if (flags.shrink) {
    process.stderr.write(`seed ${seed}: ${invariant}; reducing it, up to ${SHRINK_TIME_MAX_MS / 1000} s\n`);
    const limits = { runsMax: SHRINK_RUNS_MAX, timeMaxMs: SHRINK_TIME_MAX_MS };
    const shrunk = await sweep.shrink({ plan: drawn, invariant, ...limits });
    if (shrunk.violation !== null) {
      plan = shrunk.plan;
      about = `seed ${seed}, reduced in ${shrunk.runs} runs: ${invariant}: ${shrunk.violation.detail}`;
    }
  }
  mkdirSync(flags.out, { recursive: true });
  const path = join(flags.out, `seed-${seed}.json`);
  writeFileSync(path, formatPlanFile({ about, plan }));
  return [replayOfPlan(path)];
}

function replayOfSeed({ engine, faults, replicas }: SimFlags, seed: number): string {
  const restricted = faults.length === FAULT_CLASSES.length ? '' : ` --faults ${faults.join(',') || 'none'}`;
  const fixed = replicas === undefined ? '' : ` --replicas ${replicas}`;
  return `kvorum sim --engine ${engine} --seeds ${seed}..${seed}${restricted}${fixed}`;
}

function replayOfPlan(path: string): string {
  return `kvorum sim --plan ${path}`;
}

function broken({ atMs, detail, event, invariant }: FoundViolation, replay: readonly string[]): KvorumError {
  for (const line of replay) process.stderr.write(`replay: ${line}\n`);
  return new KvorumError('check_failed', `${invariant}, at ${atMs.toFixed(3)} ms, event ${event}: ${detail}`);
}
