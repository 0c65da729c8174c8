import { resolve as resolvePath } from 'node:path';
import { assert, assertDefined } from '../base/assert.js';
import { replicaId } from '../base/brand.js';
import { parseAddress } from './address.js';
import type { ResolvedValues } from './layers.js';
import type { Json } from './option.js';
import {
  MAX_LAG_MS_DEFAULT,
  type Address,
  type EngineName,
  type HostPort,
  type KeyspaceConfig,
  type LeaderlessKeyspaceConfig,
  type OrderedKeyspaceConfig,
  type ReplicaConfig,
  type SemisyncKeyspaceConfig,
  type Topology,
} from './topology.js';
import { isRecord } from './validate.js';

/** The default of `conflictLog`. */
const CONFLICT_LOG = 1000;

/**
 * Puts the decided values into the form that the program works with. Every value has been checked: what does not fit
 * here is a bug.
 */
export function buildTopology(values: ResolvedValues, file: string | null, workingDir: string): Topology {
  const replicas = names(values, 'replicas').map((name) => buildReplica(values, name));
  const local = valueOf(values, 'local') as readonly string[] | null;
  const keyspaces = names(values, 'keyspaces').map((name) => buildKeyspace(values, name));
  const defaultKeyspace = keyspaces.find((keyspace) => keyspace.name === 'default') ?? keyspaces[0];
  assert(defaultKeyspace !== undefined && replicas.length > 0, 'a topology has a replica and a keyspace');
  return {
    cluster: valueOf(values, 'cluster') as string,
    file,
    dataDir: resolvePath(workingDir, valueOf(values, 'dataDir') as string),
    memory: valueOf(values, 'memory') as boolean,
    insecureAllowRemote: valueOf(values, 'insecureAllowRemote') as boolean,
    replicas,
    local: replicas.filter(({ id }) => local === null || local.includes(id)).map(({ id }) => id),
    keyspaces: [defaultKeyspace, ...keyspaces.filter((keyspace) => keyspace !== defaultKeyspace)],
    defaultKeyspace: defaultKeyspace.name,
    timing: section(values, 'timing'),
    limits: section(values, 'limits'),
    storage: section(values, 'storage'),
    raft: section(values, 'raft'),
    session: section(values, 'session'),
    network: section(values, 'network'),
    api: section(values, 'api'),
    supervisor: section(values, 'supervisor'),
    log: section(values, 'log'),
  };
}

function buildReplica(values: ResolvedValues, name: string): ReplicaConfig {
  const at = `replicas.${name}`;
  return {
    id: replicaId(name),
    region: valueOf(values, `${at}.region`) as string | null,
    joining: valueOf(values, `${at}.joining`) as boolean,
    peer: assertDefined(readAddress(values, `${at}.peer`), 'a replica has a peer address'),
    http: readAddress(values, `${at}.http`),
    redis: readAddress(values, `${at}.redis`),
    delayMs: valueOf(values, `${at}.delayMs`) as ReplicaConfig['delayMs'],
  };
}

function buildKeyspace(values: ResolvedValues, name: string): KeyspaceConfig {
  const said = (option: string): Json => valueOf(values, `keyspaces.${name}.${option}`);
  const base = { name, partitions: said('partitions') as number };
  const engine = said('engine') as EngineName;
  if (engine === 'raft') {
    return { ...base, engine, reads: (said('reads') ?? 'linearizable') as OrderedKeyspaceConfig['reads'] };
  }
  if (engine === 'semisync') return buildSemisync(values, base, said);
  const forwardTo = said('forwardTo') as string | null;
  return {
    ...base,
    engine,
    reads: (said('reads') ?? 'session') as LeaderlessKeyspaceConfig['reads'],
    writes: (said('writes') ?? 'one') as LeaderlessKeyspaceConfig['writes'],
    conflicts: (said('conflicts') ?? 'lww') as LeaderlessKeyspaceConfig['conflicts'],
    conflictLog: (said('conflictLog') ?? CONFLICT_LOG) as number,
    forwardTo: forwardTo === null ? null : replicaId(forwardTo),
  };
}

function buildSemisync(
  values: ResolvedValues,
  base: { readonly name: string; readonly partitions: number },
  said: (option: string) => Json,
): SemisyncKeyspaceConfig {
  const first = names(values, 'replicas').find((name) => valueOf(values, `replicas.${name}.joining`) !== true);
  return {
    ...base,
    engine: 'semisync',
    reads: (said('reads') ?? 'leader') as SemisyncKeyspaceConfig['reads'],
    leader: replicaId((said('leader') ?? assertDefined(first, 'somebody is there from the start')) as string),
    writeQuorum: (said('writeQuorum') ?? 1) as number,
    allowAsync: (said('allowAsync') ?? false) as boolean,
    promotion: (said('promotion') ?? 'auto') as SemisyncKeyspaceConfig['promotion'],
    maxLagMs: (said('maxLagMs') ?? MAX_LAG_MS_DEFAULT) as number,
  };
}

/** Names of the replicas or keyspaces, in the order of the file. */
export function names(values: ResolvedValues, container: 'replicas' | 'keyspaces'): string[] {
  const suffix = container === 'replicas' ? '.id' : '.engine';
  return [...values.keys()]
    .filter((path) => path.startsWith(`${container}.`) && path.endsWith(suffix))
    .map((path) => path.slice(container.length + 1, -suffix.length));
}

/** Both sides of an address, or null when it is unset or not readable. */
export function readAddress(values: ResolvedValues, path: string): Address | null {
  const value = values.get(path)?.value ?? null;
  if (value === null) return null;
  const both: Record<string, unknown> = isRecord(value) ? value : { listen: value };
  const listen = readHostPort(both['listen']);
  const advertise = both['advertise'] === undefined ? listen : readHostPort(both['advertise']);
  return listen === null || advertise === null ? null : { listen, advertise };
}

function readHostPort(text: unknown): HostPort | null {
  const address = typeof text === 'string' ? parseAddress(text) : '';
  return typeof address === 'string' ? null : address;
}

type Section = 'timing' | 'limits' | 'storage' | 'raft' | 'session' | 'network' | 'api' | 'supervisor' | 'log';

/** Collects `timing.heartbeatMs`, … into one object. The option table and topology.ts name the same members. */
function section<Name extends Section>(values: ResolvedValues, name: Name): Topology[Name] {
  const entries = [...values.values()]
    .filter(({ path }) => path.startsWith(`${name}.`))
    .map(({ path, value }) => [path.slice(name.length + 1), value]);
  assert(entries.length > 0, `the option table has a section ${name}`);
  return Object.fromEntries(entries) as Topology[Name];
}

function valueOf(values: ResolvedValues, path: string): Json {
  return assertDefined(values.get(path), `the option ${path} is decided`).value;
}
