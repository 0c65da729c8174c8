import { KvorumError, isKvorumError } from '../base/errors/error.js';
import { connect, type KvorumClient } from '../client/client.js';
import { loadTopology } from '../config/load.js';
import type { ENGINES_AVAILABLE, Topology } from '../config/topology.js';
import type { Endpoint } from './settings.js';

export interface TargetRequest {
  /** `http://host:port` of replicas, or `redis://host:port` of anything that speaks the Redis protocol. */
  readonly nodes: readonly string[];
  /** A topology file; its replicas are the targets, then, instead of `nodes`. */
  readonly topology: string | null;
  readonly protocol: 'resp' | 'http';
  readonly keyspace: string | null;
  /** Connect to the leader only. */
  readonly leaderOnly: boolean;
}

/** What the replicas say of a keyspace. */
export interface TargetKeyspace {
  readonly name: string;
  readonly engine: string;
  readonly leader: string | null;
}

export interface Target {
  readonly endpoints: readonly Endpoint[];
  /** HTTP addresses of the replicas that answered; none of a server that is not Kvorum. */
  readonly nodes: readonly string[];
  /** In the order of the replicas' databases; empty of a server that is not Kvorum. */
  readonly keyspaces: readonly TargetKeyspace[];
  /** Of the store; null when it is not Kvorum. */
  readonly version: string | null;
  readonly cluster: string | null;
  /** Replicas that did not answer, with why. */
  readonly warnings: readonly string[];
}

/** The parts of GET /status that matter here. */
interface Status {
  readonly id: string;
  readonly cluster: string;
  readonly version: string;
  readonly keyspaces: readonly { keyspace: string; engine: string; leader: string | null }[];
  readonly replicas: readonly { id: string; http: string | null; redis: string | null }[];
}

const STATUS_TIMEOUT_MS = 3000;
const REDIS_PORT = 6379;

/**
 * Finds out what to connect to by asking the replicas. Throws `cannot_connect` when none answers, `unknown_keyspace`,
 * `no_leader`, and `usage` for addresses that cannot be meant.
 */
export async function resolveTarget(request: TargetRequest): Promise<Target> {
  const plain = request.nodes.filter((node) => node.startsWith('redis://'));
  if (request.topology === null && plain.length > 0) return redisTarget(request, plain);
  const nodes = request.topology === null ? request.nodes.map(withScheme) : httpNodesOf(request.topology);
  const answers = await Promise.all(nodes.map((node) => ask(node)));
  const reached = answers.flatMap((answer) => ('status' in answer ? [answer] : []));
  const failures = answers.flatMap((answer) => ('error' in answer ? [answer.error] : []));
  const [first] = reached;
  if (first === undefined) throw failures[0] ?? new KvorumError('usage', 'There is no replica to talk to');
  const keyspaces = first.status.keyspaces.map(({ engine, keyspace, leader }) => ({ name: keyspace, engine, leader }));
  const target = {
    nodes: reached.map(({ node }) => node),
    keyspaces: uniqueByName(keyspaces),
    version: first.status.version,
    cluster: first.status.cluster,
    warnings: failures.map(({ message }) => message),
  };
  const keyspace = keyspaceOf(target.keyspaces, request.keyspace);
  const endpoints = reached.flatMap(({ node, status }) => endpointOf(request.protocol, node, status));
  return { ...target, endpoints: chosen(endpoints, keyspace, request, first.status) };
}

function redisTarget({ leaderOnly, nodes, protocol }: TargetRequest, plain: readonly string[]): Target {
  if (plain.length < nodes.length) throw new KvorumError('usage', 'Addresses are either all http:// or all redis://');
  if (protocol !== 'resp') throw new KvorumError('usage', 'A redis:// address is spoken to with --protocol resp');
  if (leaderOnly) throw new KvorumError('usage', '--leader asks replicas of Kvorum: give their http:// addresses');
  const endpoints = plain.map((node) => {
    const url = URL.canParse(node) ? new URL(node) : null;
    if (url === null || url.hostname === '' || !['', '/'].includes(url.pathname) || url.username !== '') {
      throw new KvorumError('usage', `${JSON.stringify(node)} is no address: write redis://host:port`);
    }
    const port = url.port === '' ? REDIS_PORT : Number(url.port);
    return { host: withoutBrackets(url.hostname), port, name: `${url.hostname}:${port}` };
  });
  return { endpoints, nodes: [], keyspaces: [], version: null, cluster: null, warnings: [] };
}

function withScheme(node: string): string {
  if (node.startsWith('https://')) throw new KvorumError('usage', 'kvorum bench does not speak TLS: use http://');
  return node.includes('://') ? node : `http://${node}`;
}

function httpNodesOf(file: string): string[] {
  const { topology } = loadTopology({ file, env: process.env });
  const nodes = replicasWithHttp(topology);
  if (nodes.length > 0) return nodes;
  throw new KvorumError('usage', `${file}: no replica serves HTTP, which tells what to connect to`);
}

function replicasWithHttp({ replicas }: Topology): string[] {
  return replicas.flatMap(({ http }) => (http === null ? [] : [`http://${hostPort(http.advertise)}`]));
}

function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function ask(node: string): Promise<{ node: string; status: Status } | { error: KvorumError }> {
  using client: KvorumClient = connect({ node, timeoutMs: STATUS_TIMEOUT_MS });
  try {
    return { node, status: (await client.status()) as unknown as Status };
  } catch (error) {
    if (!isKvorumError(error)) throw error;
    return { error };
  }
}

function uniqueByName(keyspaces: readonly TargetKeyspace[]): TargetKeyspace[] {
  return [...new Map(keyspaces.map((keyspace) => [keyspace.name, keyspace])).values()];
}

/** The one that is named, or the default one, which is the first. */
export function keyspaceOf(keyspaces: readonly TargetKeyspace[], name: string | null): TargetKeyspace {
  const found = name === null ? keyspaces[0] : keyspaces.find((keyspace) => keyspace.name === name);
  if (found !== undefined) return found;
  throw new KvorumError('unknown_keyspace', `There is no keyspace ${name}: the target has ${listed(keyspaces)}`);
}

const LEADERLESS: readonly string[] = ['causal', 'lww'] satisfies (typeof ENGINES_AVAILABLE)[number][];

/** False: all replicas of the keyspace are alike. */
export function hasLeaders({ engine }: TargetKeyspace): boolean {
  return !LEADERLESS.includes(engine);
}

/** Only the leader takes writes of it over the Redis protocol; HTTP is passed on. */
export function onlyLeaderWrites({ engine }: TargetKeyspace, protocol: 'resp' | 'http'): boolean {
  return engine === 'semisync' && protocol === 'resp';
}

/** Throws `usage` when replicas of the keyspace are all alike. */
export function checkHasLeaders(keyspace: TargetKeyspace): void {
  if (hasLeaders(keyspace)) return;
  const { engine, name } = keyspace;
  throw new KvorumError('usage', `Keyspace ${name} (${engine}) never has a leader: leave out --leader`);
}

export function listed(keyspaces: readonly TargetKeyspace[]): string {
  return keyspaces.map(({ engine, name }) => `${name} (${engine})`).join(', ') || 'none';
}

function endpointOf(protocol: 'resp' | 'http', node: string, { id, replicas }: Status): Endpoint[] {
  const { hostname, port } = new URL(node);
  if (protocol === 'http') return [{ host: withoutBrackets(hostname), port: Number(port || 80), name: id }];
  const redis = replicas.find((replica) => replica.id === id)?.redis ?? null;
  if (redis === null) return [];
  const [, host = '', redisPort = ''] = /^(.*):(\d+)$/.exec(redis) ?? [];
  return [{ host: withoutBrackets(host), port: Number(redisPort), name: id }];
}

function chosen(
  endpoints: readonly Endpoint[],
  keyspace: TargetKeyspace,
  { leaderOnly, protocol }: TargetRequest,
  status: Status,
): readonly Endpoint[] {
  if (endpoints.length === 0) {
    throw new KvorumError('usage', `Replica ${status.id} does not serve the Redis protocol: use --protocol http`);
  }
  if (!leaderOnly) return endpoints;
  checkHasLeaders(keyspace);
  if (keyspace.leader === null) throw new KvorumError('no_leader', `Keyspace ${keyspace.name} has no leader`);
  const atLeader = endpoints.filter(({ name }) => name === keyspace.leader);
  if (atLeader.length > 0) return atLeader;
  // Not among the given addresses: the replicas know it.
  const replica = status.replicas.find(({ id }) => id === keyspace.leader);
  const address = protocol === 'http' ? replica?.http : replica?.redis;
  const [, host = '', port = ''] = /^(?:http:\/\/)?(.*):(\d+)\/?$/.exec(address ?? '') ?? [];
  if (replica !== undefined && port !== '') {
    return [{ host: withoutBrackets(host), port: Number(port), name: replica.id }];
  }
  throw new KvorumError('usage', `The leader ${keyspace.leader} of ${keyspace.name} does not serve ${protocol}`);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
