import type { Figures } from '../../../src/report/figures.js';
import type { EngineRow, EnginesReport, QuorumReport, QuorumRow } from '../../../src/report/summary.js';
import type { Machine } from '../../../src/workload/machine.js';

/** Reports as they come out of a measurement, for what is drawn and written from them. */
const MACHINE: Machine = {
  date: '2026-11-21T12:00:00.000Z',
  version: '0.1.0',
  commit: '0123456-dirty',
  node: 'v22.1.0',
  cpu: 'Some(R) Processor(TM) with a Long Name 9999 @ 3.00GHz',
  cores: 64,
  memoryGiB: 1024,
  system: 'linux 6.18.44-with-a-suffix x64',
};

export function figures(meanMs: number | null, changes: Partial<Figures> = {}): Figures {
  const times = (factor: number): number | null => (meanMs === null ? null : meanMs * factor);
  return {
    count: meanMs === null ? 0 : 200,
    failed: 0,
    unknown: 0,
    errors: {},
    meanMs,
    p50Ms: times(0.98),
    p95Ms: times(1.4),
    p99Ms: times(1.6),
    maxMs: times(2),
    operationsPerSecond: 1000,
    invalid: [],
    ...changes,
  };
}

export function quorumRow(writeQuorum: number, changes: Partial<QuorumRow> = {}): QuorumRow {
  const expectedMs = 5 + (45 * writeQuorum) / 6;
  return {
    writeQuorum,
    expectedMs,
    expectedP50Ms: expectedMs * 0.97,
    concurrent: figures(expectedMs * 1.3),
    sequential: figures(expectedMs + 2),
    undelayed: figures(1.9),
    deviation: {
      differenceMs: 2,
      overheadMs: 1.9,
      percent: 0.8,
      p50Percent: -0.4,
      standardErrorPercent: 3.6,
      within5PercentAndOverhead: true,
    },
    parity: { inSync: true, keys: 100, followers: [] },
    ...changes,
  };
}

export function quorumReport(changes: Partial<QuorumReport> = {}): QuorumReport {
  return {
    machine: MACHINE,
    loadBefore: 0.2,
    cluster: {
      spawned: true,
      topology: 'configs/semisync.yaml',
      leader: 'leader',
      followers: 5,
      keyspace: 'default',
      delaysMs: Array.from({ length: 5 }, () => [5, 50] as const),
    },
    settings: {
      concurrentWrites: 100,
      rounds: 10,
      sequentialWrites: 200,
      spacingMs: 140,
      warmUpSeconds: 0,
      valueBytes: 64,
      protocol: 'http',
    },
    quorums: [1, 2, 3, 4, 5].map((writeQuorum) => quorumRow(writeQuorum)),
    restored: { writeQuorum: 1, done: true },
    reading: [],
    ...changes,
  };
}

export function enginesReport(invalid: readonly string[] = []): EnginesReport {
  const shapes = ['1 client', '50 clients', '50 clients x 16 in flight'];
  const row = (engine: string, shape: string, at: number): EngineRow => ({
    engine,
    keyspace: engine,
    shape,
    clients: 50,
    pipeline: 1,
    figures: figures(0.5 * 4 ** at, { operationsPerSecond: 2000 * 8 ** at, invalid }),
    operationsPerSecondAll: [1500 * 8 ** at, 2000 * 8 ** at, 2500 * 8 ** at],
  });
  return {
    machine: MACHINE,
    loadBefore: 0.2,
    replicas: 3,
    writeQuorum: 1,
    topology: 'configs/local.yaml',
    settings: { seconds: 2, warmUpSeconds: 1, repeat: 3, valueBytes: 256, keys: 10_000, protocol: 'resp' },
    rows: shapes.flatMap((shape, at) => ['raft', 'semisync', 'causal', 'lww'].map((engine) => row(engine, shape, at))),
  };
}
