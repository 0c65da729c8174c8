import { report, type CheckContext } from './check-context.js';
import { checkSemisync, semisyncOnly } from './check-semisync.js';
import { refuseOptions, saidOf, wrongReads } from './keyspace-words.js';
import type { ResolvedValue } from './layers.js';
import { names } from './resolve.js';
import { ENGINES_AVAILABLE, ORDERED_READS, READ_LEVELS, type EngineName } from './topology.js';
import { show } from './validate.js';

/** Options of leaderless engines, and why raft has no use for them. */
const LEADERLESS_ONLY = {
  writes: 'a write is always on the disks of a majority',
  conflicts: 'all writes have one order, nothing conflicts',
  conflictLog: 'all writes have one order, nothing conflicts',
  forwardTo: 'the leader serves all requests',
} as const;

const ONLY_ORDERED = '; only engines with a leader, raft and semisync, have an order of all writes to read from';

export function checkKeyspaces(context: CheckContext): void {
  const all = names(context.values, 'keyspaces');
  for (const name of all) {
    const engine = engineOf(context, name);
    if (engine === 'raft') checkOrdered(context, name);
    else if (engine === 'semisync') checkSemisync(context, name);
    else if (engine !== null) checkLeaderless(context, name, engine);
  }
  if (all.length < 2 || all.includes('default')) return;
  const { at, excerpt } = context.source.locate(['keyspaces'], 'key');
  const message = `none of the ${all.length} keyspaces is named "default": /kv and Redis database 0 need one; rename one of ${all.join(', ')}`;
  context.reporter.report('error', at, message, excerpt);
}

/** True when a majority decides about anything; a write quorum of followers is no majority. */
export function votes(context: CheckContext): boolean {
  return names(context.values, 'keyspaces').some((name) => engineOf(context, name) === 'raft');
}

/** Null: what the file says was refused already. */
function engineOf(context: CheckContext, name: string): EngineName | null {
  const path = `keyspaces.${name}.engine`;
  if (context.bad.has(path)) return null;
  const value = context.values.get(path)?.value;
  return ENGINES_AVAILABLE.find((engine) => engine === value) ?? null;
}

function checkOrdered(context: CheckContext, name: string): void {
  const reads = saidOf(context, name, 'reads');
  if (reads !== null && !ORDERED_READS.some((word) => word === reads.value)) {
    report(context, 'error', reads, wrongReads(reads, 'raft'));
  } else if (reads?.value === 'lease' && context.values.get('raft.leaseReads')?.value === false) {
    const message = `${reads.path} is "lease", but raft.leaseReads is false: set it to true to trust clocks`;
    report(context, 'error', reads, message);
  }
  refuseOptions(context, name, 'raft', { ...LEADERLESS_ONLY, ...semisyncOnly('raft') });
}

function checkLeaderless(context: CheckContext, name: string, engine: 'lww' | 'causal'): void {
  const reads = saidOf(context, name, 'reads');
  if (reads !== null && !READ_LEVELS.some((word) => word === reads.value)) {
    const order = reads.value === 'stale' || reads.value === 'follower' ? '' : ONLY_ORDERED;
    report(context, 'error', reads, wrongReads(reads, engine) + order);
  }
  const conflicts = saidOf(context, name, 'conflicts');
  if (conflicts?.value === 'siblings' && engine === 'lww') {
    const why = 'the last write wins whatever it has seen, so that siblings would be dropped in silence';
    const remedy = "use the engine causal, or conflicts: lww (Basho's advisory of July 2015 on Riak: never both)";
    report(context, 'error', conflicts, `${conflicts.path} is "siblings", but with the engine lww ${why}: ${remedy}`);
  }
  for (const option of ['reads', 'writes']) checkRegions(context, saidOf(context, name, option));
  checkForward(context, name, engine);
  refuseOptions(context, name, engine, semisyncOnly(engine));
}

/** Levels that speak of regions, where there are none. */
function checkRegions(context: CheckContext, said: ResolvedValue | null): void {
  if (said === null || (said.value !== 'local_quorum' && said.value !== 'each_quorum')) return;
  const replicas = names(context.values, 'replicas');
  const without = replicas.filter((id) => (context.values.get(`replicas.${id}.region`)?.value ?? null) === null);
  if (without.length === 0) return;
  const who = without.length === replicas.length ? 'no replica has' : `${without.join(', ')} have no`;
  const message = `${said.path} is ${show(said.value)}, but ${who} region: those without count as one`;
  report(context, 'warning', said, message);
}

function checkForward(context: CheckContext, name: string, engine: EngineName): void {
  const said = saidOf(context, name, 'forwardTo');
  if (said === null) return;
  const read = `${said.path} is ${show(said.value)}`;
  const target = typeof said.value === 'string' ? said.value : '';
  const replicas = names(context.values, 'replicas');
  if (engine !== 'causal') {
    report(context, 'error', said, `${read}, but the causal API (/kvs) needs the engine causal: leave it out`);
  } else if (!replicas.includes(target)) {
    const message = `${read}, which is no replica of this topology: replicas are ${replicas.join(', ')}`;
    report(context, 'error', said, message);
  } else if ((context.values.get(`replicas.${target}.http`)?.value ?? null) === null) {
    report(context, 'error', said, `${read}, which does not serve HTTP: give it an http address`);
  }
}
