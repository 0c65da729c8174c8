import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import {
  DISTRIBUTIONS,
  mixOfReads,
  WORKLOAD_LIMITS,
  YCSB_MIXES,
  type ByteRange,
  type Distribution,
  type Mix,
  type MixName,
  type WorkloadSettings,
} from '../../workload/settings.js';
import { parseSweep, type Sweep } from '../../workload/sweep.js';

/** What commander parsed of `kvorum bench`. */
export interface BenchFlags {
  readonly protocol: 'resp' | 'http';
  readonly topology?: string;
  readonly keyspace?: string;
  readonly leader?: true;
  readonly clients: number;
  readonly pipeline: number;
  readonly rate?: number;
  readonly threads?: number;
  readonly mix?: MixName;
  readonly readRatio?: number;
  readonly keys: number;
  readonly distribution?: Distribution;
  readonly valueBytes: ByteRange;
  readonly seed: number;
  readonly load?: true;
  readonly warmup: number;
  readonly seconds?: number;
  readonly operations?: number;
  readonly timeout: number;
  readonly sweep?: readonly Sweep[];
  readonly out?: string;
  readonly hgrm?: string;
}

export const DEFAULT_SECONDS = 10;
const DEFAULT_READ_RATIO = 0.5;

export function between(low: number, high: number, whole = true): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`${whole ? 'a whole number' : 'a number'} from ${low} to ${high}`);
    }
    return value;
  };
}

/** `256` or `100..1000`. */
export function parseByteRange(text: string): ByteRange {
  const [, from = '', to = from] = /^(\d{1,8})(?:\.\.(\d{1,8}))?$/.exec(text) ?? [];
  const range = { min: Number(from), max: Number(to) };
  if (from === '' || range.max < range.min || range.max > WORKLOAD_LIMITS.valueBytes) {
    throw new InvalidArgumentError(`write 256 or 100..1000, at most ${WORKLOAD_LIMITS.valueBytes}`);
  }
  return range;
}

/** May be given several times. */
export function collectSweeps(text: string, earlier: readonly Sweep[] | undefined): readonly Sweep[] {
  try {
    return [...(earlier ?? []), parseSweep(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** The settings that the flags stand for. Throws `usage` for flags that do not go together. */
export function settingsFromFlags(flags: BenchFlags): WorkloadSettings {
  const { clients, operations, pipeline, rate, seconds, valueBytes } = flags;
  if (seconds !== undefined && operations !== undefined) {
    throw usage('--seconds and --operations exclude each other: either time or work ends the run');
  }
  const { distribution, mix } = workloadFrom(flags);
  const settings: WorkloadSettings = {
    driver: flags.protocol,
    keyspace: flags.keyspace ?? null,
    clients,
    pipeline,
    threads: Math.min(flags.threads ?? Math.max(1, Math.floor(availableParallelism() / 2)), clients),
    rate: rate ?? null,
    mix,
    distribution: flags.distribution ?? distribution,
    keys: flags.keys,
    valueBytes,
    seed: flags.seed,
    warmUpSeconds: flags.warmup,
    seconds: operations === undefined ? (seconds ?? DEFAULT_SECONDS) : null,
    operations: operations ?? null,
    timeoutMs: flags.timeout,
    waitReplicas: 0,
  };
  checkSettings(settings);
  return settings;
}

/** What no single flag can tell is wrong. Throws `usage`. */
export function checkSettings({ clients, driver, mix, pipeline }: WorkloadSettings): void {
  if (clients * pipeline > WORKLOAD_LIMITS.inFlight) {
    throw usage(
      `${clients} clients x pipeline ${pipeline} are too many: at most ${WORKLOAD_LIMITS.inFlight} in flight`,
    );
  }
  if (driver === 'resp' && mix.scan > 0) {
    throw usage('The Redis protocol has no ordered scan: this mix needs --protocol http');
  }
}

function workloadFrom({ mix, readRatio }: BenchFlags): { readonly mix: Mix; readonly distribution: Distribution } {
  if (mix === undefined) return { mix: mixOfReads(readRatio ?? DEFAULT_READ_RATIO), distribution: DISTRIBUTIONS[0] };
  if (readRatio !== undefined) throw usage('--mix and --read-ratio exclude each other');
  return YCSB_MIXES[mix];
}

function usage(detail: string): KvorumError {
  return new KvorumError('usage', detail);
}
