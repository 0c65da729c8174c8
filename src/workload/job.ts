import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../base/clock.js';
import { toKvorumError } from '../base/errors/error.js';
import type { ErrorCode } from '../base/errors/catalogue.js';
import { createPrng } from '../base/prng.js';
import { systemScheduler } from '../base/scheduler.js';
import { loadDriver } from './drivers.js';
import { Generator, type GeneratorOptions, type GeneratorResult } from './generator.js';
import { KeyCounter } from './keys/counter.js';
import type { LaneFactory } from './lane.js';
import type { Counts, SecondReport } from './recorder.js';
import { shareOf, type Endpoint, type WorkloadSettings } from './settings.js';
import { LoadSource, MixSource } from './source.js';
import { SleeperWaker, type Waker } from './waker.js';

/** What a thread of the pool is asked; everything survives a structured clone. */
export interface GeneratorJob {
  readonly phase: 'load' | 'run';
  readonly settings: WorkloadSettings;
  readonly endpoints: readonly Endpoint[];
  readonly thread: number;
  readonly counter: SharedArrayBuffer;
  /** Takes SecondReports; `stop` may come from it. */
  readonly port: MessagePort;
}

/** How busy the generator's own thread was during the measurement. */
export interface ThreadLoad {
  /** Share of the time that the event loop had work: near 1 the generator is the bottleneck. */
  readonly busy: number;
  /** By how much a timer was late, in the worst of a hundred cases; null when the run was too short to tell. */
  readonly delayP99Ms: number | null;
}

export interface ThreadResult extends GeneratorResult, Counts, ThreadLoad {}

/** Errors of a thread keep their code, which a structured clone of an Error loses. */
export type ThreadOutcome =
  | { readonly result: ThreadResult }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly stack: string | undefined } };

/** Step of the timer whose delay is watched. */
const RESOLUTION_MS = 10;
/** Of fewer delays the 99th percentile would be the worst one. */
const DELAYS_MIN = 150;
/** Requests that a connection keeps in flight while keys are loaded. */
const LOAD_PIPELINE = 32;

/** A closed loop is woken by answers. */
const NEVER: Waker = { wake: () => undefined, cancel: () => undefined };

/** Runs in a thread of the pool (run.ts), for the whole of a phase: it owns its connections. */
export async function runGenerator(job: GeneratorJob): Promise<ThreadOutcome> {
  try {
    return { result: await generate(job) };
  } catch (error) {
    const { code, message, stack } = toKvorumError(error);
    return { error: { code, message, stack } };
  } finally {
    job.port.close();
  }
}

async function generate(job: GeneratorJob): Promise<ThreadResult> {
  const { port } = job;
  using waker = job.settings.rate === null ? null : new SleeperWaker();
  const meter = new LoadMeter();
  const generator = new Generator({
    ...(await optionsOf(job)),
    clock: systemClock,
    scheduler: systemScheduler,
    waker: waker ?? NEVER,
    onBegin: () => meter.begin(),
    onEnd: () => meter.end(),
    onSecond: (second: SecondReport) => port.postMessage(second),
  });
  port.on('message', () => generator.stop());
  const result = await generator.run();
  return { ...result, ...generator.recorder.counts(), ...meter.load };
}

type Varying = Pick<
  GeneratorOptions,
  'lanes' | 'source' | 'rate' | 'phase' | 'warmUpMs' | 'durationMs' | 'operations' | 'timeoutMs'
>;

async function optionsOf({ counter, endpoints, phase, settings: given, thread }: GeneratorJob): Promise<Varying> {
  const loading = phase === 'load';
  const settings = loading ? { ...given, pipeline: Math.max(given.pipeline, LOAD_PIPELINE) } : given;
  const { clients, keys, operations, rate, seconds, seed, threads, timeoutMs, warmUpSeconds } = settings;
  const prng = createPrng(seed).fork(`${phase} ${thread}`);
  const laneFactories = await loadDriver({ settings, endpoints, prng });
  const lanes: LaneFactory[] = [];
  for (let lane = thread; lane < clients; lane += threads) lanes.push(laneFactories(lane));
  if (loading) {
    const source = new LoadSource(keys, thread, threads);
    const endless = { rate: null, phase: 0, warmUpMs: 0, durationMs: Infinity, operations: Infinity };
    return { lanes, source, ...endless, timeoutMs };
  }
  return {
    lanes,
    source: new MixSource(settings, prng, new KeyCounter(counter), thread),
    rate: rate === null ? null : rate / threads,
    phase: thread / threads,
    warmUpMs: warmUpSeconds * 1000,
    durationMs: seconds === null ? Infinity : seconds * 1000,
    operations: operations === null ? Infinity : shareOf(operations, thread, threads),
    timeoutMs,
  };
}

/** Watches the event loop from the beginning of the measurement to its end. */
class LoadMeter {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #before = performance.eventLoopUtilization();
  load: ThreadLoad = { busy: 0, delayP99Ms: 0 };

  begin(): void {
    this.#before = performance.eventLoopUtilization();
    this.#delays.enable();
  }

  end(): void {
    const { utilization } = performance.eventLoopUtilization(this.#before);
    this.#delays.disable();
    const enough = this.#delays.count >= DELAYS_MIN;
    const delayP99Ms = enough ? Math.max(0, this.#delays.percentile(99) / 1e6 - RESOLUTION_MS) : null;
    this.load = { busy: utilization, delayP99Ms };
  }
}
