import { assertDefined } from '../base/assert.js';
import { report, type CheckContext } from './check-context.js';
import { refuseOptions, saidOf, wrongReads } from './keyspace-words.js';
import { showSaid, type ResolvedValue } from './layers.js';
import { names } from './resolve.js';
import { MAX_LAG_MS_DEFAULT, SEMISYNC_READS, type EngineName } from './topology.js';
import { show } from './validate.js';

/** Options of the other engines, and why a write quorum of followers has no use for them. */
const OF_OTHERS = {
  writes: 'writeQuorum says how many followers have a write before it is answered',
  conflicts: 'all writes have one order, nothing conflicts',
  conflictLog: 'all writes have one order, nothing conflicts',
  forwardTo: 'the leader serves all requests',
} as const;

/** Options of semisync, and why another engine has no use for them. */
export function semisyncOnly(engine: Exclude<EngineName, 'semisync'>): Readonly<Record<string, string>> {
  if (engine === 'raft') {
    const majority = 'a write is always on the disks of a majority';
    return {
      leader: 'the replicas elect their leader',
      writeQuorum: majority,
      allowAsync: majority,
      promotion: 'a majority elects the next leader, and nobody else can',
      maxLagMs: 'a majority decides, whoever lags behind it',
    };
  }
  return {
    leader: 'every replica takes writes, nobody leads',
    writeQuorum: 'it is writes that says on how many disks a write is',
    allowAsync: 'it is writes that says on how many disks a write is',
    promotion: 'every replica takes writes, nobody leads',
    maxLagMs: 'nobody waits for a member that lags, unless writes says so',
  };
}

export function checkSemisync(context: CheckContext, name: string): void {
  const reads = saidOf(context, name, 'reads');
  if (reads !== null && !SEMISYNC_READS.some((word) => word === reads.value)) {
    report(context, 'error', reads, wrongReads(reads, 'semisync'));
  }
  refuseOptions(context, name, 'semisync', OF_OTHERS);
  const first = firstReplicas(context);
  checkLeader(context, name, first);
  checkWriteQuorum(context, name, first.length - 1);
  checkLag(context, name);
}

/** Those that the cluster is formed with: the members of such a keyspace, for good. */
function firstReplicas(context: CheckContext): readonly string[] {
  const joins = (id: string): boolean => context.values.get(`replicas.${id}.joining`)?.value === true;
  return names(context.values, 'replicas').filter((id) => !joins(id));
}

function checkLeader(context: CheckContext, name: string, first: readonly string[]): void {
  const said = saidOf(context, name, 'leader');
  const leader = typeof said?.value === 'string' ? said.value : null;
  if (said === null || leader === null || first.includes(leader)) return;
  const known = names(context.values, 'replicas').includes(leader);
  const problem = known
    ? 'which joins later: only a replica that the cluster is formed with can lead'
    : 'which is no replica of this topology';
  report(context, 'error', said, `${said.path} is ${show(leader)}, ${problem}: those are ${first.join(', ')}`);
}

function checkWriteQuorum(context: CheckContext, name: string, followers: number): void {
  const path = `keyspaces.${name}.writeQuorum`;
  if (context.bad.has(path) || followers < 0) return;
  const said = saidOf(context, name, 'writeQuorum');
  const writeQuorum = Number(said?.value ?? 1);
  const at = said ?? engineOf(context, name);
  const read = said === null ? `${path} is 1 (the default)` : `${path} is ${writeQuorum}`;
  const async = saidOf(context, name, 'allowAsync')?.value === true;
  if (writeQuorum > followers) {
    const there =
      followers > 1 ? `there are ${followers} followers` : `there is ${followers === 1 ? '1' : 'no'} follower`;
    const remedy = followers === 0 ? 'writeQuorum: 0 and allowAsync: true' : `${followers} or less`;
    report(context, 'error', at, `${read}, and ${there}: the leader is not counted; write ${remedy}`);
  } else if (writeQuorum === 0 && !async) {
    const why = 'a write would be on the disk of the leader only when it is answered';
    report(context, 'error', at, `${read}: ${why}; write 1, or accept it with allowAsync: true`);
  } else if (writeQuorum === followers && followers > 1) {
    const why = `all ${followers} followers: while any one of them is away, nothing can be written`;
    report(context, 'warning', at, `${read}, ${why}`);
  }
}

/** A follower that is idle is heard of with every heartbeat only. */
function checkLag(context: CheckContext, name: string): void {
  const path = `keyspaces.${name}.maxLagMs`;
  if (context.bad.has(path) || context.bad.has('timing.heartbeatMs')) return;
  const heartbeat = assertDefined(context.values.get('timing.heartbeatMs'), 'the option is decided');
  const said = saidOf(context, name, 'maxLagMs');
  // Twice: both are rounded to ticks, and one heartbeat may come late.
  if (Number(said?.value ?? MAX_LAG_MS_DEFAULT) >= 2 * Number(heartbeat.value)) return;
  const read = said === null ? `${path} is ${MAX_LAG_MS_DEFAULT} (the default)` : `${path} is ${showSaid(said)}`;
  const why = 'a follower that is idle would not count as available between two heartbeats';
  const least = 2 * Number(heartbeat.value);
  const message = `${read} and timing.heartbeatMs is ${showSaid(heartbeat)}: ${why}; write maxLagMs: ${least} or more`;
  report(context, 'error', said ?? engineOf(context, name), message);
}

/** Where to point at when nothing was said about the option. */
function engineOf(context: CheckContext, name: string): ResolvedValue {
  return assertDefined(context.values.get(`keyspaces.${name}.engine`), 'a keyspace has an engine');
}
