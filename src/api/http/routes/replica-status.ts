import type { Buffer } from 'node:buffer';
import type { LogIndex, ReplicaId } from '../../../base/brand.js';
import { KvorumError, toKvorumError } from '../../../base/errors/error.js';
import type { StateDigest } from '../../../replica/router.js';
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

function named(exchange: Exchange): SemisyncView {
  return semisyncNamed(exchange, exchange.query.get('keyspace'));
}

function stateOf({ keyspace }: SemisyncView, keysMax: number): Promise<StateDump> {
  return new Promise((resolve, reject) => {
    dumpState(keyspace, keysMax, (dump) => (dump instanceof KvorumError ? reject(dump) : resolve(dump)));
  });
}

function answerLater(exchange: Exchange, work: Promise<string>): void {
  exchange.mayTake(ANSWER_MS);
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
  const digest = await control.digestAt(null, CATCH_UP_MS);
  const dump = await stateOf(view, SHOWN_KEYS_MAX);
  const shown = !dump.data.startsWith('"data":null');
  const followers = await Promise.all(
    engine.followers.map(async (follower) => {
      const known = followerDocument(follower, engine, control);
      const found = digest === null ? NOTHING : await askFollower(exchange, view, follower.peer, digest, shown);
      return [follower.peer, { ...known, ...found }] as const;
    }),
  );
  const leader = { id: exchange.router.self, head: engine.lastIndex, write_quorum: engine.writeQuorum };
  const head = JSON.stringify(leader).slice(1, -1);
  return (
    `{"keyspace":${JSON.stringify(keyspace.name)},"id":${JSON.stringify(exchange.router.self)},` +
    `"leader":{${head},${dumpMembers(dump)},${hashMembers(digest)}},` +
    `"in_sync":${JSON.stringify(allInSync(followers.map(([, { in_sync }]) => in_sync)))},` +
    `"followers":${JSON.stringify(Object.fromEntries(followers))}}`
  );
}

/** False: some are known to differ. Null: none is, but not all were compared. */
function allInSync(each: readonly (boolean | null)[]): boolean | null {
  if (each.includes(false)) return false;
  return each.includes(null) ? null : true;
}

/** What a follower told of itself, beside what the leader knows of it. */
interface Found {
  /** Null: it could not be compared. */
  readonly in_sync: boolean | null;
  readonly error: string | null;
  readonly [member: string]: unknown;
}

const NOTHING: Found = { in_sync: null, error: 'this replica could not compute its own hash in time' };

async function askFollower(
  exchange: Exchange,
  { keyspace }: SemisyncView,
  id: ReplicaId,
  digest: StateDigest,
  withData: boolean,
): Promise<Found> {
  const base = leaderUrl(exchange.router.replicas.find((replica) => replica.id === id)?.http ?? null);
  if (base === null) return { in_sync: null, error: `${id} has no HTTP address` };
  const query = `keyspace=${encodeURIComponent(keyspace.name)}&at=${digest.index}${withData ? '' : '&hash=1'}`;
  const answer = await dumpOf(base, `/dump?${query}`);
  if (typeof answer === 'string') return { in_sync: null, error: answer };
  const { binary, commit, data, epoch, hash, keys, last, offset, revision } = answer;
  const compared = compare(answer, digest);
  const binaries = binary === undefined ? {} : { binary };
  const shown = withData ? { data: data ?? null, ...binaries } : { hash };
  return { received: last, applied: offset, commit, epoch, revision, keys, ...compared, ...shown };
}

function compare({ hash, offset }: JsonObject, { digest, index }: StateDigest): Pick<Found, 'in_sync' | 'error'> {
  if (typeof hash === 'string') return { in_sync: hash === digest, error: null };
  if (Number(offset) >= index) return { in_sync: null, error: 'it went on before it could be compared: ask again' };
  return { in_sync: false, error: `it has not applied ${index} within ${CATCH_UP_MS} ms` };
}

/** The dump of another replica, or why there is none. */
function dumpOf(base: string, path: string): Promise<JsonObject | string> {
  return new Promise((resolve) => {
    const asked = { method: 'GET', path, headers: { accept: 'application/json' }, body: null, timeoutMs: ANSWER_MS };
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
