import { KvorumError } from '../base/errors/error.js';
import { ENGINES_AVAILABLE } from '../config/topology.js';
import { describeMachine } from '../workload/machine.js';
import { LoadGenerator } from '../workload/run.js';
import { mixOfReads, type WorkloadSettings } from '../workload/settings.js';
import { parseSweep, settingsOf, stepsOf } from '../workload/sweep.js';
import { hasLeaders, keyspaceOf, resolveTarget, type Target } from '../workload/targets.js';
import { QuorumAdmin } from './admin.js';
import { figuresOf, type Figures } from './figures.js';
import type { EngineRow, EnginesReport, EnginesSettings } from './summary.js';

export interface EnginesRequest {
  readonly nodes: readonly string[];
  readonly topology: string | null;
  readonly settings: EnginesSettings;
  readonly loadBefore: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** How much is asked at once: the same for every engine. */
const SHAPES = [
  { name: '1 client', clients: 1, pipeline: 1 },
  { name: '50 clients', clients: 50, pipeline: 1 },
  { name: '50 clients x 16 in flight', clients: 50, pipeline: 16 },
] as const;

const SHAPE_CHARS = Math.max(...SHAPES.map(({ name }) => name.length));

/** Keyspaces of one cluster, one engine each, under the same writes; clients are at the leader where there is one. */
export async function compareEngines(request: EnginesRequest): Promise<EnginesReport> {
  const { nodes, settings } = request;
  const common = { nodes, topology: null, protocol: 'resp', keyspace: null } as const;
  const target = await resolveTarget({ ...common, leaderOnly: false });
  const engines = ENGINES_AVAILABLE.filter((engine) => target.keyspaces.some((keyspace) => keyspace.engine === engine));
  const [, another] = engines;
  if (another === undefined) throw new KvorumError('usage', 'There are no two engines to compare');
  const steps = stepsOf([parseSweep(`engine=${engines.join(',')}`)]);
  const generator = new LoadGenerator(1);
  const rows: EngineRow[] = [];
  try {
    for (const shape of SHAPES) {
      const runs = new Map<string, { readonly keyspace: string; readonly figures: Figures[] }>();
      // In turns, so that a slow minute of the machine hits all engines alike.
      for (let round = 0; round < settings.repeat; round++) {
        for (const step of steps) {
          const load = settingsOf(step, loadOf(shape, settings), target);
          const keyspace = load.keyspace ?? '';
          const endpoints = await endpointsOf(target, keyspace);
          const figures = figuresOf([await generator.run(load, endpoints, { signal: request.signal })]);
          request.signal.throwIfAborted();
          const engine = String(step.engine);
          request.say(`${engine.padEnd(9)} ${shape.name.padEnd(SHAPE_CHARS)} ${described(figures)}`);
          const found = runs.get(engine) ?? { keyspace, figures: [] };
          found.figures.push(figures);
          runs.set(engine, found);
        }
      }
      for (const [engine, { figures, keyspace }] of runs) {
        const { clients, name, pipeline } = shape;
        const all = figures.map(({ operationsPerSecond }) => operationsPerSecond);
        const row = { engine, keyspace, shape: name, clients, pipeline, figures: median(figures) };
        rows.push({ ...row, operationsPerSecondAll: all });
      }
    }
  } finally {
    await generator.close();
  }
  const { loadBefore, topology } = request;
  const writeQuorum = await writeQuorumOf(target);
  return {
    machine: describeMachine(),
    loadBefore,
    replicas: target.nodes.length,
    writeQuorum,
    topology,
    settings,
    rows,
  };
}

function loadOf(
  { clients, pipeline }: (typeof SHAPES)[number],
  { keys, protocol, seconds, valueBytes, warmUpSeconds }: EnginesSettings,
): WorkloadSettings {
  return {
    driver: protocol,
    keyspace: null,
    clients,
    pipeline,
    threads: 1,
    rate: null,
    mix: mixOfReads(0),
    distribution: 'uniform',
    keys,
    valueBytes: { min: valueBytes, max: valueBytes },
    seed: 1,
    warmUpSeconds,
    seconds,
    operations: null,
    timeoutMs: 10_000,
    waitReplicas: 0,
  };
}

async function writeQuorumOf({ keyspaces, nodes: [node = ''] }: Target): Promise<number | null> {
  const keyspace = keyspaces.find(({ engine }) => engine === 'semisync');
  if (keyspace === undefined) return null;
  using admin = new QuorumAdmin(node, keyspace.name);
  return await admin.writeQuorum();
}

/** One replica in any case: the leader, or the first one where all are alike. */
async function endpointsOf({ keyspaces, nodes }: Target, name: string): Promise<Target['endpoints']> {
  const leads = hasLeaders(keyspaceOf(keyspaces, name));
  const common = { topology: null, protocol: 'resp', keyspace: name } as const;
  const { endpoints } = await resolveTarget({ ...common, nodes, leaderOnly: leads });
  return endpoints.slice(0, 1);
}

/** The run with the median throughput: what else the machine does comes and goes. Valid ones before others. */
export function median(runs: readonly Figures[]): Figures {
  const valid = runs.filter(({ invalid }) => invalid.length === 0);
  const sorted = (valid.length > 0 ? valid : runs).toSorted((a, b) => a.operationsPerSecond - b.operationsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new KvorumError('internal', 'there was no run');
  return middle;
}

function described({ failed, invalid, operationsPerSecond, p50Ms, p99Ms, unknown }: Figures): string {
  const ms = (value: number | null): string => `${value === null ? '-' : value.toFixed(2)} ms`.padStart(9);
  const errors = failed + unknown > 0 ? `  ${failed} failed, ${unknown} unknown` : '';
  const mark = invalid.length > 0 ? `  NOT VALID: ${invalid[0]}` : '';
  const rate = `${Math.round(operationsPerSecond)} writes/s`.padStart(15);
  return `${rate}  p50 ${ms(p50Ms)}  p99 ${ms(p99Ms)}${errors}${mark}`;
}
