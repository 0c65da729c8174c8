import type { ReplicaId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Exchange } from './exchange.js';
import { isJsonObject, parseJsonObject } from './json.js';
import { leaderUrl } from './leader.js';
import { askPeer, IN_FLIGHT_MAX, type PeerAnswer, type PeerFailure } from './peer-request.js';

/** Longer than a replica takes to say `outcome_unknown`. */
const TIMEOUT_MS = 10_000;
const SOCKET_SLACK_MS = 1000;
/** Who passes a request on says so: it is never passed on twice. */
const FORWARDED = 'x-kvorum-forwarded';
const REQUEST_HEADERS = [
  'content-type',
  'accept',
  'if-match',
  'if-none-match',
  'x-kvorum-client-id',
  'x-kvorum-seq',
  'x-kvorum-session',
  'prefer',
] as const;
const ANSWER_HEADERS = [
  'x-kvorum-session',
  'x-kvorum-session-dropped',
  'x-kvorum-revision',
  'x-kvorum-duplicate',
  'retry-after',
  'etag',
] as const;

/** Answers of a replica that has not done what it was asked for, since others lead, or it stops. */
const NOT_DONE: ReadonlySet<unknown> = new Set(['not_leader', 'no_leader', 'draining']);

/** Another replica passed the request on to this one. */
export function wasForwarded(exchange: Exchange): boolean {
  return exchange.header(FORWARDED) !== undefined;
}

/**
 * Hands the request to another replica and gives back its answer, status and body unchanged. Throws what stands in the way.
 * `changes`: without an answer, it is not known whether anything happened. `notDone`: called instead of an answer where it is
 * certain that nothing happened there; `answer` tells the client so.
 */
export function forward(
  exchange: Exchange,
  id: ReplicaId,
  changes = exchange.request.method !== 'GET',
  notDone: (answer: () => void) => void = (answer) => answer(),
): void {
  const base = baseOf(exchange, id);
  exchange.mayTake(TIMEOUT_MS + SOCKET_SLACK_MS);
  const headers: Record<string, string> = { [FORWARDED]: exchange.router.self };
  for (const name of REQUEST_HEADERS) {
    const value = exchange.header(name);
    if (value !== undefined) headers[name] = value;
  }
  const { body, request, url } = exchange;
  const asked = { method: request.method, path: url, headers, body, timeoutMs: TIMEOUT_MS };
  const taken = askPeer(base, asked, (outcome) => {
    const answer = (): void =>
      exchange.run(() => {
        if ('failed' in outcome) throw failureOf(base, changes, outcome);
        giveBack(exchange, id, outcome);
      });
    if (isNotDone(outcome, changes)) notDone(answer);
    else answer();
  });
  if (!taken) throw new KvorumError('busy', `${IN_FLIGHT_MAX} requests are on their way to other replicas`);
}

function giveBack(exchange: Exchange, id: ReplicaId, outcome: PeerAnswer): void {
  exchange.session = null; // The token of the answer is the other's.
  const type = outcome.headers['content-type'] ?? null;
  exchange.send(outcome.status, type, outcome.body, [...passedOn(outcome), 'x-kvorum-forwarded-to', id]);
}

/** What was read may be read again; a write must not even have been sent, or have been refused. */
function isNotDone(outcome: PeerAnswer | PeerFailure, changes: boolean): boolean {
  if ('failed' in outcome) return !outcome.sent || !changes;
  return outcome.status === 503 && NOT_DONE.has(codeOf(outcome));
}

function codeOf({ body }: PeerAnswer): unknown {
  try {
    const document = parseJsonObject(body);
    return isJsonObject(document) ? document['code'] : null;
  } catch {
    return null;
  }
}

function baseOf(exchange: Exchange, id: ReplicaId): string {
  if (wasForwarded(exchange)) {
    throw cannotForward(`another replica passed it on already, and ${id} should serve it`);
  }
  const base = leaderUrl(exchange.router.replicas.find((replica) => replica.id === id)?.http ?? null);
  if (base === null) throw cannotForward(`${id} should serve it, and has no HTTP address`);
  return base;
}

function cannotForward(why: string): KvorumError {
  return new KvorumError('cannot_connect', `Cannot forward request: ${why}`);
}

function passedOn({ headers }: PeerAnswer): string[] {
  return ANSWER_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [name, value] : [];
  });
}

/** A write that was sent and not answered may have taken effect. */
function failureOf(base: string, changes: boolean, { failed, sent }: PeerFailure): KvorumError {
  if (!sent || !changes) return cannotForward(`${base} cannot be reached: ${failed}`);
  return new KvorumError('outcome_unknown', `${base} did not answer: ${failed}`);
}
