import { assertDefined } from '../base/assert.js';
import { systemClock } from '../base/clock.js';
import { KvorumError } from '../base/errors/error.js';
import { systemScheduler } from '../base/scheduler.js';
import { describeMachine } from '../workload/machine.js';
import type { WorkloadResult } from '../workload/merge.js';
import { LoadGenerator } from '../workload/run.js';
import { mixOfReads, type Endpoint, type WorkloadSettings } from '../workload/settings.js';
import { resolveTarget, type Target } from '../workload/targets.js';
import { QuorumAdmin } from './admin.js';
import { orderStatistic, type DelayRange, type OrderStatistic } from './expected.js';
import { figuresOf, rounded, type Figures } from './figures.js';
import { parityOf } from './parity.js';
import type { Deviation, Parity, QuorumReport, QuorumRow, QuorumSettings } from './summary.js';

export interface QuorumRequest {
  /** HTTP addresses of replicas, one at least. */
  readonly nodes: readonly string[];
  /** Null: the first one with a write quorum. */
  readonly keyspace: string | null;
  /** Null: not known. */
  readonly delaysMs: readonly DelayRange[] | null;
  /** Empty: 1 to F. */
  readonly writeQuorums: readonly number[];
  readonly settings: QuorumSettings;
  /** Followers that are slow, not wrong, get so long to catch up. */
  readonly parityWaitMs?: number;
  /** See QuorumReport. */
  readonly loadBefore: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** A write is small, so that its delay and not its bytes are measured. */
export const VALUE_BYTES = 64;
/** Between two sequential writes where nothing is delayed. */
const SPACING_MS_MIN = 20;
const LATE_PERCENTILE = 95;
const LATE_MS_MAX = 5;
const LATE =
  'more than 5 % of the writes came late: the one before was still on its way when they were due, so the machine is too ' +
  'busy for this measurement';
const PARITY_WAIT_MS = 15_000;
const PARITY_POLL_MS = 100;

/**
 * A write disturbs the next one as long as it is on its way: to the slowest follower, and with what tells that follower
 * that it is committed. Links keep their order, so what is late holds up what comes behind it (ap.md §1.3.8).
 */
export function spacingFor(delaysMs: readonly DelayRange[]): number {
  const slowest = Math.max(0, ...delaysMs.map(([, max]) => max));
  return Math.ceil(SPACING_MS_MIN + 2 * slowest * 1.2);
}

/** The sweep of the leader-follower document: write quorum against latency. The write quorum is put back at the end. */
export class QuorumSweep {
  readonly #request: QuorumRequest;
  readonly #target: Target;
  readonly #keyspace: string;
  readonly #generator: LoadGenerator;
  readonly #admin: QuorumAdmin;

  private constructor(request: QuorumRequest, target: Target, keyspace: string, leader: string) {
    this.#request = request;
    this.#target = target;
    this.#keyspace = keyspace;
    this.#generator = new LoadGenerator(1);
    this.#admin = new QuorumAdmin(leader, keyspace);
  }

  static async open(request: QuorumRequest): Promise<QuorumSweep> {
    const common = { topology: null, protocol: 'http', leaderOnly: false } as const;
    const asked = await resolveTarget({ ...common, nodes: request.nodes, keyspace: request.keyspace });
    const keyspace = request.keyspace ?? asked.keyspaces.find(({ engine }) => engine === 'semisync')?.name;
    if (keyspace === undefined) {
      const engines = asked.keyspaces.map(({ engine, name }) => `${name} (${engine})`).join(', ');
      throw new KvorumError('usage', `No keyspace of the target has a write quorum: it has ${engines}`);
    }
    const target = await resolveTarget({ ...common, nodes: asked.nodes, keyspace, leaderOnly: true });
    const { host, port } = assertDefined(target.endpoints[0], 'a leader was found');
    const address = host.includes(':') ? `[${host}]` : host;
    return new QuorumSweep(request, target, keyspace, `http://${address}:${port}`);
  }

  async close(): Promise<void> {
    this.#admin[Symbol.dispose]();
    await this.#generator.close();
  }

  /** `undelayed` measures sequential writes where nothing is delayed; null: there is no such place. */
  async run(
    cluster: { readonly spawned: boolean; readonly topology: string | null },
    undelayed: ((writeQuorum: number) => Promise<Figures>) | null,
  ): Promise<QuorumReport> {
    const { delaysMs, settings } = this.#request;
    const { followers, leader } = await this.#admin.replicaStatus();
    const found = leader.write_quorum;
    const rows: QuorumRow[] = [];
    let restored = false;
    try {
      for (const writeQuorum of this.#quorums(Object.keys(followers).length)) {
        // Side by side, so that a slow minute of the machine hits both alike.
        rows.push(await this.#row(writeQuorum, (await undelayed?.(writeQuorum)) ?? null));
      }
    } finally {
      restored = await this.#restore(found);
    }
    for (const reason of reasonsOf(rows)) this.#request.say(`NOT VALID: ${reason}`);
    return {
      machine: describeMachine(),
      loadBefore: this.#request.loadBefore,
      cluster: {
        ...cluster,
        leader: leader.id,
        followers: Object.keys(followers).length,
        keyspace: this.#keyspace,
        delaysMs,
      },
      settings,
      quorums: rows,
      restored: { writeQuorum: found, done: restored },
      reading: reading(delaysMs !== null, undelayed !== null),
    };
  }

  /** Bursts that nobody counts: code that has not been compiled yet would be measured with the first write quorum. */
  async warmUp(): Promise<void> {
    await this.#concurrent();
  }

  /** Sequential writes alone; the write quorum stays. */
  async sequentialAt(writeQuorum: number): Promise<Figures> {
    await this.#admin.setWriteQuorum(writeQuorum);
    const figures = await this.#sequential();
    this.#request.say(`W=${writeQuorum}  not delayed  ${described(figures)}`);
    return figures;
  }

  #quorums(followers: number): readonly number[] {
    const { writeQuorums } = this.#request;
    if (writeQuorums.length === 0) return Array.from({ length: followers }, (_, at) => at + 1);
    const most = Math.max(...writeQuorums);
    if (most > followers) throw new KvorumError('usage', `A write quorum of ${most}: there are ${followers} followers`);
    return writeQuorums;
  }

  async #row(writeQuorum: number, undelayed: Figures | null): Promise<QuorumRow> {
    const { delaysMs, say } = this.#request;
    await this.#admin.setWriteQuorum(writeQuorum);
    const concurrent = figuresOf(await this.#concurrent());
    say(`W=${writeQuorum}  at once      ${described(concurrent)}`);
    const sequential = await this.#sequential();
    say(`W=${writeQuorum}  one by one   ${described(sequential)}`);
    const parity = await this.#parity();
    const away = parity.followers.filter(({ inSync }) => !inSync).map(({ id, mismatches }) => `${id} (${mismatches})`);
    say(
      `W=${writeQuorum}  parity       ${away.length === 0 ? 'all followers have it all' : `DIFFERENT: ${away.join(', ')}`}`,
    );
    const expected = delaysMs === null ? null : orderStatistic(delaysMs, writeQuorum);
    return {
      writeQuorum,
      expectedMs: expected === null ? null : rounded(expected.meanMs, 3),
      expectedP50Ms: expected === null ? null : rounded(expected.medianMs, 3),
      concurrent,
      sequential,
      undelayed,
      deviation: expected === null ? null : deviationOf(sequential, expected, undelayed),
      parity,
    };
  }

  /** All at once, several times from rest; the first time is not counted: nothing is compiled yet. */
  async #concurrent(): Promise<WorkloadResult[]> {
    const { concurrentWrites, rounds, spacingMs } = this.#request.settings;
    const results: WorkloadResult[] = [];
    for (let round = 0; round <= rounds; round++) {
      await pause(spacingMs);
      const changes = { clients: concurrentWrites, operations: concurrentWrites, seed: round + 1 };
      const result = await this.#generate(changes);
      if (round > 0) results.push(result);
    }
    return results;
  }

  /** One at a time: due at a steady rate, slow enough for each to find the links empty. */
  async #sequential(): Promise<Figures> {
    const { sequentialWrites, spacingMs, warmUpSeconds } = this.#request.settings;
    const changes = { clients: 1, operations: sequentialWrites, rate: 1000 / spacingMs, warmUpSeconds };
    const result = await this.#generate(changes);
    const figures = figuresOf([result]);
    const lateMs = result.lateness.count === 0 ? 0 : result.lateness.percentile(LATE_PERCENTILE) / 1e6;
    return lateMs <= LATE_MS_MAX ? figures : { ...figures, invalid: [...figures.invalid, LATE] };
  }

  async #generate(changes: Partial<WorkloadSettings>): Promise<WorkloadResult> {
    const { settings, signal } = this.#request;
    const base: WorkloadSettings = {
      driver: settings.protocol,
      keyspace: this.#keyspace,
      clients: 1,
      pipeline: 1,
      threads: 1,
      rate: null,
      mix: mixOfReads(0),
      distribution: 'sequential',
      keys: settings.concurrentWrites,
      valueBytes: { min: settings.valueBytes, max: settings.valueBytes },
      seed: 1,
      warmUpSeconds: 0,
      seconds: null,
      operations: 1,
      timeoutMs: 10_000,
      waitReplicas: 0,
    };
    const endpoints: readonly Endpoint[] = this.#target.endpoints;
    const result = await this.#generator.run({ ...base, ...changes }, endpoints, { signal });
    signal.throwIfAborted();
    return result;
  }

  /** Asks until all followers have everything, or for so long that they do not merely lag. */
  async #parity(): Promise<Parity> {
    const endMs = systemClock.monotonicMs() + (this.#request.parityWaitMs ?? PARITY_WAIT_MS);
    for (;;) {
      const parity = parityOf(await this.#admin.replicaStatus());
      if (parity.inSync || systemClock.monotonicMs() > endMs) return parity;
      this.#request.signal.throwIfAborted();
      await pause(PARITY_POLL_MS);
    }
  }

  async #restore(writeQuorum: number): Promise<boolean> {
    try {
      await this.#admin.setWriteQuorum(writeQuorum);
      return true;
    } catch (error) {
      this.#request.say(`warning: the write quorum was not set back to ${writeQuorum}: ${(error as Error).message}`);
      return false;
    }
  }
}

/** Null of nothing measured. */
export function deviationOf(
  { count, meanMs, p50Ms }: Figures,
  expected: OrderStatistic,
  undelayed: Figures | null,
): Deviation | null {
  if (meanMs === null || p50Ms === null) return null;
  const overheadMs = undelayed?.meanMs ?? null;
  const differenceMs = meanMs - expected.meanMs;
  const percent = ((differenceMs - (overheadMs ?? 0)) / expected.meanMs) * 100;
  const p50Percent = ((p50Ms - (undelayed?.p50Ms ?? 0) - expected.medianMs) / expected.medianMs) * 100;
  const high = expected.meanMs * 1.05 + (overheadMs ?? 0);
  return {
    differenceMs: rounded(differenceMs, 3),
    overheadMs,
    percent: rounded(percent, 2),
    p50Percent: rounded(p50Percent, 2),
    standardErrorPercent: rounded((expected.deviationMs / Math.sqrt(count) / expected.meanMs) * 100, 2),
    within5PercentAndOverhead: meanMs >= expected.meanMs * 0.95 && meanMs <= high,
  };
}

function reading(delaysKnown: boolean, overheadKnown: boolean): string[] {
  const lines = [
    'Only the sequential writes must follow the formula: a write alone waits for the W-th fastest of its followers.',
    'Writes at once share links that keep their order: one that is delayed holds up those behind it, so their curve is nearly flat, near the longest delay.',
  ];
  if (!delaysKnown) return [...lines, 'The delays of the followers are not known: nothing is expected.'];
  const overhead = overheadKnown ? 'measured on the same topology without delays' : 'not measured here';
  return [
    ...lines,
    'expectedMs is the mean of the W-th smallest of one uniform delay of each follower: a + (b - a) W / (F + 1).',
    `deviation.percent is (mean - overhead - expected) / expected of the sequential writes; the overhead is ${overhead}.`,
    'deviation.p50Percent is the same of the medians: where other work stalls the machine, they move less than means do.',
    'Within 5 % and the overhead is what is hoped for; it is stated, and nothing fails when it does not hold.',
  ];
}

/** Why figures are not valid, each once: the lines above only say that they are not. */
function reasonsOf(rows: readonly QuorumRow[]): ReadonlySet<string> {
  const all = rows.flatMap(({ concurrent, sequential, undelayed }) => [concurrent, sequential, undelayed]);
  return new Set(all.flatMap((figures) => figures?.invalid ?? []));
}

function described({ count, failed, invalid, meanMs, p50Ms, p99Ms, unknown }: Figures): string {
  const ms = (value: number | null): string => `${value === null ? '-' : value.toFixed(2)} ms`.padStart(9);
  const errors = failed + unknown > 0 ? `  ${failed} failed, ${unknown} unknown` : '';
  const mark = invalid.length > 0 ? '  NOT VALID' : '';
  return `${String(count).padStart(5)} writes  mean ${ms(meanMs)}  p50 ${ms(p50Ms)}  p99 ${ms(p99Ms)}${errors}${mark}`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void systemScheduler.after(milliseconds, resolve));
}
