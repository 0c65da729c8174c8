import { isAbsolute, relative } from 'node:path';
import type { Topology } from '../../config/topology.js';
import type { SupervisedReplica } from '../../host/supervisor.js';
import { VERSION } from '../../version.js';
import { formatTable } from './table.js';

/** What `kvorum start` shows once the replicas listen. */
export function formatEndpoints(topology: Topology, replicas: readonly SupervisedReplica[], tookMs: number): string {
  const kept = topology.memory ? 'in memory: nothing is kept after exit' : `data in ${shortPath(topology.dataDir)}`;
  const engines = topology.keyspaces.map(({ name, engine }) => `${name}: ${engine}`).join(', ');
  const count = `${replicas.length} replica${replicas.length === 1 ? '' : 's'}`;
  const rows = replicas.map((replica) => [
    replica.id,
    roleOf(topology, replica),
    replica.endpoints?.peer ?? '-',
    replica.endpoints?.http ?? '-',
    replica.endpoints?.redis ?? '-',
  ]);
  return [
    `kvorum ${VERSION} · cluster ${topology.cluster} · ${count} · ${engines} · ${kept}`,
    '',
    formatTable(['replica', 'role', 'peer', 'http', 'redis'], rows),
    '',
    `ready in ${(tookMs / 1000).toFixed(2)} s`,
    ...linesToTry(replicas),
    '',
  ].join('\n');
}

/** The same as one JSON document. */
export function endpointsDocument(topology: Topology, replicas: readonly SupervisedReplica[], tookMs: number): object {
  return {
    cluster: topology.cluster,
    version: VERSION,
    data_dir: topology.memory ? null : topology.dataDir,
    ready_ms: Math.round(tookMs),
    replicas: replicas.map((replica) => ({ id: replica.id, role: roleOf(topology, replica), ...replica.endpoints })),
  };
}

function roleOf({ keyspaces }: Topology, { roles }: SupervisedReplica): string {
  const led = keyspaces.filter(({ engine }) => engine === 'raft' || engine === 'semisync').length;
  if (led === 0) return 'member';
  const known = [...roles.values()].filter(({ leader }) => leader !== null);
  if (known.length < led) return 'no leader yet';
  const [same, ...others] = new Set(known.map(({ role }) => role));
  if (same !== undefined && others.length === 0) return same;
  const leads = [...roles].filter(([, { role }]) => role === 'leader').map(([group]) => keyspaceOf(group));
  return leads.length > 0 ? `leads ${leads.join(', ')}` : [same, ...others].join(', ');
}

function keyspaceOf(group: string): string {
  return group.slice(0, group.lastIndexOf('/'));
}

function linesToTry(replicas: readonly SupervisedReplica[]): string[] {
  const http = replicas.map(({ endpoints }) => endpoints?.http ?? null).find((address) => address !== null);
  const redis = replicas.map(({ endpoints }) => endpoints?.redis ?? null).find((address) => address !== null);
  const lines: string[] = [];
  if (http !== undefined) {
    lines.push(`curl -X PUT ${http}/kv/greeting -H 'Content-Type: application/json' -d '{"value":"hello"}'`);
    lines.push(`curl ${http}/kv/greeting`);
  }
  if (redis !== undefined) lines.push(`redis-cli ${redisFlags(redis)} GET greeting`);
  return lines.map((line, at) => `${at === 0 ? 'try   ' : '      '}${line}`).concat('stop  Ctrl-C');
}

function redisFlags(address: string): string {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  return host === '127.0.0.1' ? `-p ${port}` : `-h ${host.replace(/^\[(.*)\]$/, '$1')} -p ${port}`;
}

/** As one would type it here. */
function shortPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') || isAbsolute(near) ? path : `./${near}`;
}
