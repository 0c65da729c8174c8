import { createEtcdConnections } from './etcd-load.js';
import { createRespConnections } from './resp-load.js';

/**
 * Load generator for one measurement, a process of its own: closed loop, every connection keeps `pipeline` requests in
 * flight. `node generator.js '<json>'` prints one JSON object.
 */
export interface LoadOptions {
  readonly protocol: 'resp' | 'etcd';
  readonly port: number;
  /** `set-wait`: Redis SET followed by WAIT 1, both in one write. */
  readonly operation: 'set' | 'set-wait' | 'get';
  readonly connections: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly operationsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
  readonly firstError: string | null;
  /** Share of one core that the generator itself used: near 1, it was the bottleneck. */
  readonly generatorCpu: number;
}

/** Told of every finished round trip of a connection: `count` operations in `microseconds`. */
export interface Recorder {
  finished(count: number, microseconds: number): void;
  failed(message: string): void;
}

export interface Load {
  stop(): void;
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

async function measure(options: LoadOptions): Promise<LoadResult> {
  let operations = 0;
  let errors = 0;
  let firstError: string | null = null;
  let recording = false;
  const latencies: number[] = [];
  const recorder: Recorder = {
    finished: (count, microseconds) => {
      if (!recording) return;
      operations += count;
      latencies.push(microseconds);
    },
    failed: (message) => {
      errors++;
      firstError ??= message;
    },
  };
  const create = options.protocol === 'resp' ? createRespConnections : createEtcdConnections;
  const load = await create(options, recorder);
  await pause(options.warmUpSeconds);
  recording = true;
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  await pause(options.seconds);
  recording = false;
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(startCpu);
  load.stop();
  latencies.sort((a, b) => a - b);
  return {
    operationsPerSecond: Math.round(operations / seconds),
    p50Us: percentile(latencies, 0.5),
    p99Us: percentile(latencies, 0.99),
    errors,
    firstError,
    generatorCpu: Number(((cpu.user + cpu.system) / 1e6 / seconds).toFixed(2)),
  };
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

const [, , argument] = process.argv;
if (argument !== undefined) {
  const result = await measure(JSON.parse(argument) as LoadOptions);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(0);
}
