import type { Buffer } from 'node:buffer';
import type { LogIndex, ReplicaId } from '../../../base/brand.js';
import { systemClock } from '../../../base/clock.js';
import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import type { Keyspace, StateDigest } from '../../../replica/router.js';
import { dumpMembers, dumpState, hashMembers, type StateDump } from '../dump.js';
import type { Exchange } from '../exchange.js';
import { isJsonObject, parseJsonObject, type JsonObject } from '../json.js';
import { leaderUrl } from '../leader.js';
import { askPeer } from '../peer-request.js';
import { printable } from '../query.js';
import type { RouteSpec } from '../route.js';
import * as schemas from '../schemas-semisync.js';
import { followerDocument, leaderMembers, semisyncNamed, type SemisyncView } from '../semisync-view.js';

/** The data itself is shown up to here, for every replica. */
const SHOWN_KEYS_MAX = 1000;
const ALL_KEYS = Number.POSITIVE_INFINITY;
/** How long a follower may take to get where the leader is: it hears of commits with heartbeats at the latest. */
const CATCH_UP_MS = 3000;
const ANSWER_MS = 8000;
/** Where the state is large: hashing it takes a while, as other work goes on. */
const HASHED_MS = 35_000;
/** Where followers have gone on meanwhile, all are asked again, for a position that is so far ahead. */
const AHEAD_MS = 300;
/** How fast writes come is not told from less. */
const MEASURED_MS_MIN = 20;

function named(exchange: Exchange): SemisyncView {
  return semisyncNamed(exchange, exchange.query.get('keyspace'));
}

function stateOf({ keyspace }: SemisyncView, keysMax: number): Promise<StateDump> {
  return new Promise((resolve, reject) => {
    dumpState(keyspace, keysMax, (dump) => (dump instanceof KvorumError ? reject(dump) : resolve(dump)));
  });
}

function answerLater(exchange: Exchange, work: Promise<string>): void {
  exchange.mayTake(CATCH_UP_MS + 2 * HASHED_MS);
  work.then(
    (body) => exchange.json(200, body),
    (error: unknown) => exchange.fail(toKvorumError(error)),
  );
}

/** Everything that this member has, or a hash over it; with `at`, a hash at exactly that position of the log. */
async function dumpBody(exchange: Exchange): Promise<string> {
  const view = named(exchange);
  const at = positionOf(exchange);
  const hashOnly = flag(exchange, 'hash');
  const digest = at === null ? null : await view.control.digestAt(at, CATCH_UP_MS);
  const dump = await stateOf(view, hashOnly ? 0 : ALL_KEYS);
  const without = hashOnly || dump.data.startsWith('"data":null');
  const hash = at === null && without ? await view.control.digestAt(null, CATCH_UP_MS) : digest;
  const head = JSON.stringify({ id: exchange.router.self, keyspace: view.keyspace.name }).slice(1, -1);
  const hashed = at === null && !without ? '' : `,${hashMembers(hash)}`;
  return `{${head},${dumpMembers(dump)}${hashed}}`;
}

function positionOf(exchange: Exchange): LogIndex | null {
  const text = exchange.query.get('at');
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text) as LogIndex;
  throw new KvorumError(
    'bad_request',
    `at is ${printable(text)}: allowed is a position of the log, for example offset`,
  );
}

function flag(exchange: Exchange, name: string): boolean {
  const value = exchange.query.get(name);
  if (value === undefined || value === '0' || value === 'false') return false;
  if (value === '' || value === '1' || value === 'true') return true;
  throw new KvorumError('bad_request', `${name} takes 1 or 0`);
}

/** The leader-follower document: the leader's data, and beside it what each follower has at the same position. */
async function replicaStatus(exchange: Exchange): Promise<string> {
  const view = named(exchange);
  const { control, engine, keyspace } = view;
  if (engine.role !== 'leader') return followerStatus(exchange, view);
  const startMs = systemClock.monotonicMs();
  const digest = await control.digestAt(null, CATCH_UP_MS);
  let dump = await stateOf(view, SHOWN_KEYS_MAX);
  const shown = !dump.data.startsWith('"data":null');
  const ask = (at: LogIndex): Promise<readonly Found[]> =>
    Promise.all(engine.followers.map(({ peer }) => askFollower(exchange, view, peer, at, shown)));
  let compared: Compared = { digest, found: digest === null ? [] : await ask(digest.index) };
  if (digest !== null && compared.found.some(({ passed }) => passed)) {
    const at = positionAhead(digest.index, keyspace, startMs);
    const [ahead, found] = await Promise.all([control.digestAt(at, CATCH_UP_MS), ask(at)]);
    if (ahead?.index === at) {
      compared = { digest: ahead, found };
      if (shown) dump = await stateOf(view, SHOWN_KEYS_MAX);
    }
  }
  const followers = engine.followers.map((follower, place) => {
    const known = followerDocument(follower, engine, control);
    return [follower.peer, { ...known, ...judged(compared.found[place], compared.digest) }] as const;
  });
  const leader = { id: exchange.router.self, head: engine.lastIndex, write_quorum: engine.writeQuorum };
  const head = JSON.stringify(leader).slice(1, -1);
  return (
    `{"keyspace":${JSON.stringify(keyspace.name)},"id":${JSON.stringify(exchange.router.self)},` +
    `"leader":{${head},${dumpMembers(dump)},${hashMembers(compared.digest)}},` +
    `"in_sync":${JSON.stringify(allInSync(followers.map(([, { in_sync }]) => in_sync)))},` +
    `"followers":${JSON.stringify(Object.fromEntries(followers))}}`
  );
}

/** False: some are known to differ. Null: none is, but not all were compared. */
function allInSync(each: readonly (boolean | null)[]): boolean | null {
  if (each.includes(false)) return false;
  return each.includes(null) ? null : true;
}

interface Compared {
  /** Null: this replica could not hash its own state in time. */
  readonly digest: StateDigest | null;
  /** In the order of the followers. */
  readonly found: readonly Found[];
}

/** A position that the leader reaches in a moment, if writes go on as they did since `startMs`, when it was at `from`. */
function positionAhead(from: LogIndex, keyspace: Keyspace, startMs: number): LogIndex {
  const { appliedIndex } = keyspace.status().engine as SemisyncView['engine'];
  const perMs = (appliedIndex - from) / Math.max(MEASURED_MS_MIN, systemClock.monotonicMs() - startMs);
  return (appliedIndex + 1 + Math.round(perMs * AHEAD_MS)) as LogIndex;
}

/** What a follower told of itself, or why it told nothing. */
interface Found {
  readonly error: string | null;
  readonly hash: string | null;
  /** It was beyond the position already. */
  readonly passed: boolean;
  /** For the document. */
  readonly members: Readonly<Record<string, unknown>>;
}

async function askFollower(
  exchange: Exchange,
  { keyspace }: SemisyncView,
  id: ReplicaId,
  at: LogIndex,
  withData: boolean,
): Promise<Found> {
  const base = leaderUrl(exchange.router.replicas.find((replica) => replica.id === id)?.http ?? null);
  if (base === null) return unanswered(`${id} has no HTTP address`);
  const query = `keyspace=${encodeURIComponent(keyspace.name)}&at=${at}${withData ? '' : '&hash=1'}`;
  const answer = await dumpOf(base, `/dump?${query}`, withData ? ANSWER_MS : HASHED_MS);
  if (typeof answer === 'string') return unanswered(answer);
  const { binary, commit, data, epoch, hash, keys, last, offset, revision } = answer;
  const binaries = binary === undefined ? {} : { binary };
  const shown = withData ? { data: data ?? null, ...binaries } : { hash };
  const members = { received: last, applied: offset, commit, epoch, revision, keys, ...shown };
  if (typeof hash === 'string') return { error: null, hash, passed: false, members };
  const passed = Number(offset) >= at;
  const late = `it has not applied ${at} within ${CATCH_UP_MS} ms`;
  return { error: passed ? 'it went on before it could be compared: ask again' : late, hash: null, passed, members };
}

function unanswered(error: string): Found {
  return { error, hash: null, passed: false, members: {} };
}

/** `in_sync` null: it could not be compared. */
function judged(
  found: Found | undefined,
  digest: StateDigest | null,
): { readonly in_sync: boolean | null; readonly error: string | null } {
  if (found === undefined || digest === null) {
    return { in_sync: null, error: 'this replica could not compute its own hash in time' };
  }
  const { error, hash, members, passed } = found;
  const told = Object.keys(members).length > 0;
  const inSync = hash === null ? (told && !passed ? false : null) : hash === digest.digest;
  return { in_sync: inSync, error, ...members };
}

/** The dump of another replica, or why there is none. */
function dumpOf(base: string, path: string, timeoutMs: number): Promise<JsonObject | string> {
  return new Promise((resolve) => {
    const asked = { method: 'GET', path, headers: { accept: 'application/json' }, body: null, timeoutMs };
    const taken = askPeer(base, asked, (outcome) => {
      if ('failed' in outcome) resolve(`${base} cannot be reached: ${outcome.failed}`);
      else resolve(readDump(outcome.status, outcome.body));
    });
    if (!taken) resolve('too many requests to other replicas are under way');
  });
}

function readDump(status: number, body: Buffer): JsonObject | string {
  try {
    const document = parseJsonObject(body);
    if (status === 200 && isJsonObject(document)) return document;
    return `it answered ${status}: ${JSON.stringify(document['detail'] ?? null)}`;
  } catch {
    return `it answered ${status} without JSON`;
  }
}

/** A follower knows itself, and who leads. */
async function followerStatus(exchange: Exchange, view: SemisyncView): Promise<string> {
  const { self } = exchange.router;
  const dump = await stateOf(view, SHOWN_KEYS_MAX);
  const { leader, leader_http } = leaderMembers(exchange.router, view.keyspace);
  const own = `{"state":${JSON.stringify(dump.role)},"received":${dump.last},"applied":${dump.offset},${dumpMembers(dump)}}`;
  return (
    `{"keyspace":${JSON.stringify(view.keyspace.name)},"id":${JSON.stringify(self)},` +
    `"leader":${JSON.stringify(leader === null ? null : { id: leader, http: leader_http })},"in_sync":null,` +
    `"followers":{${JSON.stringify(self)}:${own}}}`
  );
}

export const REPLICA_STATUS_ROUTES: readonly RouteSpec[] = [
  {
    method: 'GET',
    path: '/admin/replica-status',
    operation: 'admin',
    schema: schemas.REPLICA_STATUS,
    handle: (exchange) => answerLater(exchange, replicaStatus(exchange)),
  },
  {
    method: 'GET',
    path: '/dump',
    operation: 'scan',
    schema: schemas.DUMP,
    handle: (exchange) => answerLater(exchange, dumpBody(exchange)),
  },
];
