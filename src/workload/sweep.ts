import { KvorumError, isKvorumError } from '../base/errors/error.js';
import { connect } from '../client/client.js';
import { ENGINES_AVAILABLE } from '../config/topology.js';
import { WORKLOAD_LIMITS, type WorkloadSettings } from './settings.js';
import { keyspaceOf, listed, type Target } from './targets.js';

export const SWEEPS = ['write-quorum', 'clients', 'pipeline', 'value-bytes', 'rate', 'engine'] as const;
export type SweepName = (typeof SWEEPS)[number];

/** One thing that changes from run to run. */
export interface Sweep {
  readonly name: SweepName;
  readonly values: readonly (string | number)[];
}

/** What is different in one run: a value of each sweep. */
export type SweepStep = Readonly<Partial<Record<SweepName, string | number>>>;

const STEPS_MAX = 1000;

/** `clients=1,10,50`, `write-quorum=1..5`, `engine=raft,lww`. Throws `usage`. */
export function parseSweep(text: string): Sweep {
  const [, name = '', list = ''] = /^([a-z-]+)=(.+)$/.exec(text) ?? [];
  const known = SWEEPS.find((sweep) => sweep === name);
  if (known === undefined) throw usage(`--sweep ${text}: write name=values, with one of ${SWEEPS.join(', ')}`);
  const values = list.split(',').flatMap((word) => valuesOf(known, word.trim()));
  if (values.length > STEPS_MAX) throw usage(`--sweep ${name}: at most ${STEPS_MAX} values`);
  return { name: known, values };
}

const BOUNDS: Readonly<Record<Exclude<SweepName, 'engine'>, number>> = {
  'write-quorum': 1000,
  clients: WORKLOAD_LIMITS.clients,
  pipeline: WORKLOAD_LIMITS.pipeline,
  'value-bytes': WORKLOAD_LIMITS.valueBytes,
  rate: WORKLOAD_LIMITS.rate,
};

function valuesOf(name: SweepName, word: string): (string | number)[] {
  if (name === 'engine') {
    if ((ENGINES_AVAILABLE as readonly string[]).includes(word)) return [word];
    throw usage(`--sweep engine: ${JSON.stringify(word)} is none of ${ENGINES_AVAILABLE.join(', ')}`);
  }
  const [, from = '', to = from] = /^(\d+)(?:\.\.(\d+))?$/.exec(word) ?? [];
  const [low, high] = [Number(from), Number(to)];
  const least = name === 'value-bytes' ? 0 : 1;
  if (from === '' || low < least || high < low || high > BOUNDS[name]) {
    throw usage(`--sweep ${name}: ${JSON.stringify(word)} is no number or range from ${least} to ${BOUNDS[name]}`);
  }
  if (high - low >= STEPS_MAX) throw usage(`--sweep ${name}: at most ${STEPS_MAX} values`);
  return Array.from({ length: high - low + 1 }, (_, at) => low + at);
}

/** Every combination; the last sweep changes fastest. Throws `usage`. */
export function stepsOf(sweeps: readonly Sweep[]): SweepStep[] {
  const twice = sweeps.find(({ name }, at) => sweeps.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) throw usage(`--sweep ${twice.name} is given twice`);
  const count = sweeps.reduce((product, { values }) => product * values.length, 1);
  if (count > STEPS_MAX) throw usage(`${count} combinations are too many: at most ${STEPS_MAX}`);
  let steps: SweepStep[] = [{}];
  for (const { name, values } of sweeps) {
    steps = steps.flatMap((step) => values.map((value) => ({ ...step, [name]: value })));
  }
  return steps;
}

/** The settings of a step. Throws `usage` when the target has no keyspace with the engine. */
export function settingsOf(step: SweepStep, settings: WorkloadSettings, target: Target): WorkloadSettings {
  const bytes = step['value-bytes'];
  return {
    ...settings,
    ...(step.clients === undefined ? {} : { clients: Number(step.clients) }),
    ...(step.pipeline === undefined ? {} : { pipeline: Number(step.pipeline) }),
    ...(step.rate === undefined ? {} : { rate: Number(step.rate) }),
    ...(bytes === undefined ? {} : { valueBytes: { min: Number(bytes), max: Number(bytes) } }),
    ...(step.engine === undefined ? {} : { keyspace: keyspaceWith(String(step.engine), target) }),
  };
}

function keyspaceWith(engine: string, { keyspaces }: Target): string {
  const found = keyspaces.find((keyspace) => keyspace.engine === engine);
  if (found !== undefined) return found.name;
  if (keyspaces.length === 0) throw usage('--sweep engine asks replicas of Kvorum: give their http:// addresses');
  throw usage(`No keyspace of the target has the engine ${engine}: it has ${listed(keyspaces)}`);
}

/**
 * Throws `usage` when a run asks for a write quorum that its keyspace cannot have. Another keyspace of the target may have one, and
 * would be changed, had the one under load none.
 */
export async function checkWriteQuorum(target: Target, keyspace: string | null, writeQuorum: number): Promise<void> {
  const [node] = target.nodes;
  if (node === undefined) throw usage('--sweep write-quorum asks replicas of Kvorum: give their http:// addresses');
  const { engine, name } = keyspaceOf(target.keyspaces, keyspace);
  if (engine !== 'semisync') {
    const others = target.keyspaces.filter((each) => each.engine === 'semisync');
    throw usage(`Keyspace ${name} (${engine}) has no write quorum. Of the target, these have one: ${listed(others)}`);
  }
  using client = connect({ node });
  const { keyspaces } = await client.members();
  const voters = keyspaces.find((each) => each.keyspace === name)?.voters ?? [];
  if (writeQuorum < voters.length) return;
  throw usage(`Keyspace ${name} has ${voters.length - 1} followers: a write quorum of ${writeQuorum} is too much`);
}

/** Sets how many replicas confirm a write, at the leader of the keyspace. Throws what the replicas answer. */
export async function setWriteQuorum(target: Target, keyspace: string | null, writeQuorum: number): Promise<void> {
  const [node] = target.nodes;
  if (node === undefined) throw usage('--sweep write-quorum asks replicas of Kvorum: give their http:// addresses');
  const leader = await leaderUrl(node, keyspace);
  try {
    using client = connect({ node: leader });
    await client.setWriteQuorum(writeQuorum, keyspace ?? target.keyspaces[0]?.name);
  } catch (error) {
    if (!isKvorumError(error) || error.code !== 'route_not_found') throw error;
    const detail = `The target has no write quorum that could be set: it has ${listed(target.keyspaces)}`;
    throw new KvorumError('unsupported_operation', detail, { cause: error });
  }
}

/** The leader's HTTP address; the asked replica's own when it names none, which then says what is wrong. */
async function leaderUrl(node: string, keyspace: string | null): Promise<string> {
  using client = connect({ node });
  const { keyspaces } = await client.members();
  const found = keyspace === null ? keyspaces[0] : keyspaces.find((each) => each.keyspace === keyspace);
  return found?.leader_http ?? node;
}

function usage(detail: string): KvorumError {
  return new KvorumError('usage', detail);
}
