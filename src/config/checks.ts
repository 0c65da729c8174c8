import { assert, assertDefined } from '../base/assert.js';
import { isLoopback, isWildcard, overlaps, formatAddress } from './address.js';
import { report, type CheckContext } from './check-context.js';
import { checkKeyspaces, votes } from './check-keyspaces.js';
import { showSaid, type ResolvedValue } from './layers.js';
import { names, readAddress } from './resolve.js';
import type { SourcePath } from './source.js';
import type { HostPort } from './topology.js';
import { isRecord, show, valueAt } from './validate.js';

/** Everything that concerns more than one value. */
export function crossCheck(context: CheckContext): void {
  checkReplicaIds(context);
  checkLocal(context);
  checkVoters(context);
  checkAddresses(context);
  checkExposure(context);
  checkKeyspaces(context);
  checkTiming(context);
  checkDelays(context);
  checkSession(context);
  checkSupervisor(context);
}

function checkReplicaIds(context: CheckContext): void {
  const replicas = valueAt(context.source.value, ['replicas']);
  if (!Array.isArray(replicas)) return;
  const lines = new Map<string, number>();
  for (const at of replicas.keys()) {
    const path: SourcePath = ['replicas', at, 'id'];
    const id = valueAt(context.source.value, path);
    if (typeof id !== 'string') continue;
    const place = context.source.locate(path, 'value');
    const first = lines.get(id);
    if (first === undefined) lines.set(id, place.at.line);
    else {
      const message = `the replica id ${show(id)} is used on line ${first} and again on line ${place.at.line}: ids are unique`;
      context.reporter.report('error', place.at, message, place.excerpt);
    }
  }
}

function checkLocal(context: CheckContext): void {
  const said = context.values.get('local');
  if (said === undefined || !Array.isArray(said.value)) return;
  const ids = names(context.values, 'replicas');
  for (const [at, id] of said.value.entries()) {
    if (ids.includes(String(id))) continue;
    const message = `local names ${show(id)}, which is no replica of this topology: replicas are ${ids.join(', ')}`;
    if (said.origin.kind === 'file') {
      const place = context.source.locate(['local', at], 'value');
      context.reporter.report('error', place.at, message, place.excerpt);
    } else context.reporter.report('error', said.origin, message);
  }
}

function checkVoters(context: CheckContext): void {
  const replicas = valueAt(context.source.value, ['replicas']);
  const joining = names(context.values, 'replicas').filter(
    (id) => context.values.get(`replicas.${id}.joining`)?.value === true,
  );
  const count = Array.isArray(replicas) ? replicas.length - joining.length : 0;
  if (count <= 0 || count % 2 === 1 || !votes(context)) return;
  const survives = count / 2 - 1;
  const message =
    `${count} voters survive ${survives === 0 ? 'no failure' : failures(survives)}, ` +
    `no more than ${count - 1} would: ${count + 1} survive ${failures(count / 2)}`;
  const { at, excerpt } = context.source.locate(['replicas'], 'key');
  context.reporter.report('warning', at, message, excerpt);
}

function failures(count: number): string {
  return count === 1 ? '1 failure' : `${count} failures`;
}

/** One address of one replica, as far as it could be read. */
interface Bound {
  readonly path: string;
  readonly replica: string;
  readonly listen: HostPort;
  readonly advertise: HostPort;
  readonly said: ResolvedValue;
}

function bounds(context: CheckContext): Bound[] {
  const all: Bound[] = [];
  for (const replica of names(context.values, 'replicas')) {
    for (const kind of ['peer', 'http', 'redis']) {
      const path = `replicas.${replica}.${kind}`;
      const said = context.values.get(path);
      const address = readAddress(context.values, path);
      if (said !== undefined && address !== null) all.push({ path, replica, said, ...address });
    }
  }
  return all;
}

function checkAddresses(context: CheckContext): void {
  const all = bounds(context);
  for (const [at, bound] of all.entries()) {
    checkOneAddress(context, bound);
    const earlier = all.slice(0, at);
    const same = earlier.find((other) => overlaps(other.advertise, bound.advertise));
    const clash =
      same ?? earlier.find((other) => sharesHost(context, other, bound) && overlaps(other.listen, bound.listen));
    if (clash === undefined) continue;
    const [mine, theirs] = same === undefined ? [bound.listen, clash.listen] : [bound.advertise, clash.advertise];
    const where = clash.said.origin.kind === 'file' ? ` (line ${clash.said.origin.line})` : '';
    const twice = formatAddress(mine) === formatAddress(theirs) ? '' : ` (${formatAddress(theirs)})`;
    report(
      context,
      'error',
      bound.said,
      `${bound.path} is ${formatAddress(mine)}: ${clash.path}${where} has that address already${twice}`,
    );
  }
}

/** Listeners clash only on the same host. What is not local may run anywhere. */
function sharesHost(context: CheckContext, a: Bound, b: Bound): boolean {
  const local = context.values.get('local')?.value;
  if (a.replica === b.replica) return true;
  return !Array.isArray(local) || (local.includes(a.replica) && local.includes(b.replica));
}

function checkOneAddress(context: CheckContext, bound: Bound): void {
  const { advertise, listen, path, said } = bound;
  if (isWildcard(advertise.host)) {
    const explicit = isRecord(said.value) && said.value['advertise'] !== undefined;
    const message = explicit
      ? `${path} advertises ${formatAddress(advertise)}, which means "every interface": others cannot connect to that; ` +
        `name the address or host name under which they reach this replica`
      : `${path} listens on ${formatAddress(listen)}, which means "every interface", so others would not know where to connect; ` +
        `write { listen: "${formatAddress(listen)}", advertise: "host:${advertise.port}" } with the name or address of this host`;
    report(context, 'error', said, message);
  }
  if (advertise.port === 0 && path.endsWith('.peer') && names(context.values, 'replicas').length > 1) {
    report(context, 'error', said, `${path} has port 0: the other replicas must know the port beforehand`);
  }
}

/** reliability.md §6.1: without authentication and encryption, only loopback is served unless told otherwise. */
function checkExposure(context: CheckContext): void {
  const exposed = bounds(context).filter(({ listen }) => !isLoopback(listen.host));
  const [first] = exposed;
  if (first === undefined) return;
  const others = exposed.length === 1 ? '' : ` (and ${exposed.length - 1} more)`;
  const reach = `${first.path} listens on ${formatAddress(first.listen)}${others}, which other machines can reach`;
  if (context.values.get('insecureAllowRemote')?.value === true) {
    report(
      context,
      'warning',
      first.said,
      `${reach} without authentication or encryption: keep strangers off this network`,
    );
    return;
  }
  const remedy = 'use 127.0.0.1, or accept it with insecureAllowRemote: true';
  report(context, 'error', first.said, `${reach}, and this version has no authentication or encryption: ${remedy}`);
}

function checkTiming(context: CheckContext): void {
  checkElection(context);
  compare(context, 'timing.heartbeatMs', 'timing.electionTimeoutMs', (heartbeat, election, words) => {
    if (heartbeat.first * 2 < election.first) return;
    const message = `${words}: more than two heartbeats must fit into the shortest election timeout`;
    report(context, 'error', later(heartbeat.said, election.said), message);
  });
  compare(context, 'timing.tickMs', 'timing.heartbeatMs', (tick, heartbeat, words) => {
    if (tick.first <= heartbeat.first) return;
    report(context, 'error', later(tick.said, heartbeat.said), `${words}: a tick is at most a heartbeat`);
  });
  compare(context, 'timing.requestTimeoutMs', 'timing.electionTimeoutMs', (timeout, election, words) => {
    if (timeout.first >= election.last) return;
    report(context, 'warning', later(timeout.said, election.said), `${words}: requests fail in every election`);
  });
  compare(context, 'timing.diskStallMs', 'timing.electionTimeoutMs', (stall, election, words) => {
    if (stall.first >= election.last) return;
    report(context, 'warning', later(stall.said, election.said), `${words}: a hiccup of the disk costs an election`);
  });
}

function checkElection(context: CheckContext): void {
  compare(context, 'timing.electionTimeoutMs', 'timing.electionTimeoutMs', ({ first, last, said }) => {
    const read = `${said.path} is [${first}, ${last}]`;
    if (first > last) {
      report(context, 'error', said, `${read}: the minimum is above the maximum; write [${last}, ${first}]`);
    } else if (first === last) {
      const why = 'without a spread, replicas stand for election at the same moment again and again';
      report(context, 'error', said, `${read}: ${why}; write [${first}, ${first * 2}]`);
    }
  });
}

/** Nobody should meet a slow network that somebody else has asked for without being told. */
function checkDelays(context: CheckContext): void {
  const delayed = names(context.values, 'replicas').flatMap((id) => {
    const path = `replicas.${id}.delayMs`;
    const said = context.values.get(path);
    if (context.bad.has(path) || !Array.isArray(said?.value)) return [];
    const { first, last } = numbers(context, path);
    if (first > last) {
      const message = `${path} is [${first}, ${last}]: the minimum is above the maximum; write [${last}, ${first}]`;
      report(context, 'error', said, message);
    }
    return [{ said, id, max: last }];
  });
  const [first] = delayed;
  if (first === undefined) return;
  const who = delayed.map(({ id }) => id).join(', ');
  const message = `what peers send to ${who} is delayed on purpose (delayMs): for tests and demonstrations only`;
  report(context, 'warning', first.said, message);
  if (context.bad.has('timing.electionTimeoutMs') || context.bad.has('timing.heartbeatMs')) return;
  const [election, heartbeat] = [numbers(context, 'timing.electionTimeoutMs'), numbers(context, 'timing.heartbeatMs')];
  const slowest = delayed.reduce((worst, each) => (each.max > worst.max ? each : worst));
  if (slowest.max + heartbeat.first * 2 < election.first) return;
  const words = `${slowest.said.path} is ${showSaid(slowest.said)} and timing.electionTimeoutMs is ${showSaid(election.said)}`;
  const why = 'heartbeats that are so late look like a leader that is gone';
  report(context, 'warning', later(slowest.said, election.said), `${words}: ${why}`);
}

function checkSession(context: CheckContext): void {
  compare(context, 'session.waitMs', 'timing.requestTimeoutMs', (wait, timeout, words) => {
    if (wait.first < timeout.first) return;
    const message = `${words}: requests time out before they are told what they wait for`;
    report(context, 'warning', later(wait.said, timeout.said), message);
  });
}

function checkSupervisor(context: CheckContext): void {
  compare(context, 'supervisor.backoffMinMs', 'supervisor.backoffMaxMs', (min, max, words) => {
    if (min.first <= max.first) return;
    report(context, 'error', later(min.said, max.said), `${words}: the minimum is above the maximum`);
  });
}

interface Numbers {
  readonly said: ResolvedValue;
  readonly first: number;
  /** The same as `first` when the option is one number. */
  readonly last: number;
}

/** Judges two options together, unless one of them was refused already. `words` tells what both are. */
function compare(
  context: CheckContext,
  pathA: string,
  pathB: string,
  judge: (a: Numbers, b: Numbers, words: string) => void,
): void {
  if (context.bad.has(pathA) || context.bad.has(pathB)) return;
  const a = numbers(context, pathA);
  const b = numbers(context, pathB);
  judge(a, b, `${pathA} is ${showSaid(a.said)} and ${pathB} is ${showSaid(b.said)}`);
}

function numbers(context: CheckContext, path: string): Numbers {
  const said = assertDefined(context.values.get(path), `the option ${path} is decided`);
  const list = Array.isArray(said.value) ? said.value.map(Number) : [Number(said.value)];
  const [first] = list;
  const last = list.at(-1);
  assert(first !== undefined && last !== undefined, `${path} holds numbers`);
  return { said, first, last };
}

/** The one to point at when two values disagree: the one from the higher layer, the lower one in the file. */
function later(a: ResolvedValue, b: ResolvedValue): ResolvedValue {
  const rank = { default: 0, file: 1, environment: 2, flag: 3 } as const;
  if (a.origin.kind === 'file' && b.origin.kind === 'file') return a.origin.line >= b.origin.line ? a : b;
  return rank[a.origin.kind] >= rank[b.origin.kind] ? a : b;
}
