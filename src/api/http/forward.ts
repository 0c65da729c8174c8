import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Buffer } from 'node:buffer';
import type { ReplicaId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Exchange } from './exchange.js';
import { leaderUrl } from './leader.js';

/** Requests on their way through this replica at the same time; further ones are refused. */
const IN_FLIGHT_MAX = 1024;
const SOCKETS_MAX = 64;
/** Longer than a replica takes to say `outcome_unknown`. */
const TIMEOUT_MS = 10_000;
const SOCKET_SLACK_MS = 1000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** Who passes a request on says so: it is never passed on twice. */
const FORWARDED = 'x-kvorum-forwarded';
const REQUEST_HEADERS = ['content-type', 'accept', 'x-kvorum-session', 'prefer'] as const;
const ANSWER_HEADERS = [
  'x-kvorum-session',
  'x-kvorum-session-dropped',
  'x-kvorum-revision',
  'retry-after',
  'etag',
] as const;

const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
let inFlight = 0;

interface Answer {
  readonly response: IncomingMessage;
  readonly body: Buffer;
}

/** Hands the request to another replica and gives back its answer, status and body unchanged. Throws what stands in the way. */
export function forward(exchange: Exchange, id: ReplicaId): void {
  const base = baseOf(exchange, id);
  if (inFlight >= IN_FLIGHT_MAX) throw new KvorumError('busy', `${inFlight} requests are on their way to ${id}`);
  exchange.mayTake(TIMEOUT_MS + SOCKET_SLACK_MS);
  inFlight++;
  send(exchange, base, (outcome) => {
    inFlight--;
    exchange.run(() => {
      if (outcome instanceof KvorumError) throw outcome;
      const { body, response } = outcome;
      exchange.session = null; // The token of the answer is the other's.
      const headers = [...passedOn(response), 'x-kvorum-forwarded-to', id];
      exchange.send(response.statusCode ?? 502, response.headers['content-type'] ?? null, body, headers);
    });
  });
}

function baseOf(exchange: Exchange, id: ReplicaId): string {
  if (exchange.header(FORWARDED) !== undefined) {
    throw cannotForward(`another replica passed it on already, and ${id} should serve it`);
  }
  const base = leaderUrl(exchange.router.replicas.find((replica) => replica.id === id)?.http ?? null);
  if (base === null) throw cannotForward(`${id} should serve it, and has no HTTP address`);
  return base;
}

function cannotForward(why: string): KvorumError {
  return new KvorumError('cannot_connect', `Cannot forward request: ${why}`);
}

function passedOn({ headers }: IncomingMessage): string[] {
  return ANSWER_HEADERS.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [name, value] : [];
  });
}

/** `done` is called once. */
function send(exchange: Exchange, base: string, done: (outcome: Answer | KvorumError) => void): void {
  const { method } = exchange.request;
  const { hostname, port } = new URL(base);
  const { body } = exchange;
  const headers: Record<string, string> = { [FORWARDED]: exchange.router.self };
  for (const name of REQUEST_HEADERS) {
    const value = exchange.header(name);
    if (value !== undefined) headers[name] = value;
  }
  if (body !== null) headers['content-length'] = String(body.length);
  let sent = false;
  let over = false;
  const end = (outcome: Answer | KvorumError): void => {
    if (over) return;
    over = true;
    done(outcome);
  };
  const failed = (error: Error): void => end(failureOf(base, method, sent, error));
  const request = httpRequest({ hostname, port, method, path: exchange.url, headers, agent }, (response) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    response.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error('the answer is too long'));
      else pieces.push(piece);
    });
    response.on('end', () => end({ response, body: Buffer.concat(pieces) }));
    response.on('error', failed);
  });
  request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
  request.on('socket', (socket) => {
    const connected = (): void => void (sent = true);
    if (socket.connecting) socket.once('connect', connected);
    else connected();
  });
  request.on('error', failed);
  request.end(body ?? undefined);
}

/** A write that was sent and not answered may have taken effect. */
function failureOf(base: string, method: string, sent: boolean, error: Error): KvorumError {
  if (!sent || method === 'GET') return cannotForward(`${base} cannot be reached: ${error.message}`);
  return new KvorumError('outcome_unknown', `${base} did not answer: ${error.message}`);
}
