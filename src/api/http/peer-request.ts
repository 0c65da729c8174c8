import { Buffer } from 'node:buffer';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';

/** Requests to other replicas at the same time; further ones are refused. */
export const IN_FLIGHT_MAX = 1024;
const SOCKETS_MAX = 64;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
let inFlight = 0;

export interface PeerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  readonly timeoutMs: number;
}

export interface PeerAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** No whole answer came. `sent`: the other replica may have done what it was asked for. */
export interface PeerFailure {
  readonly failed: string;
  readonly sent: boolean;
}

/** Asks the replica at `base` over HTTP. `done` is called once, in a later turn; false: too many are under way. */
export function askPeer(base: string, asked: PeerRequest, done: (outcome: PeerAnswer | PeerFailure) => void): boolean {
  if (inFlight >= IN_FLIGHT_MAX) return false;
  inFlight++;
  const { hostname, port } = new URL(base);
  const { body, headers, method, path, timeoutMs } = asked;
  const length = body === null ? {} : { 'content-length': String(body.length) };
  let sent = false;
  let over = false;
  const end = (outcome: PeerAnswer | PeerFailure): void => {
    if (over) return;
    over = true;
    inFlight--;
    done(outcome);
  };
  const failed = (error: Error): void => end({ failed: error.message, sent });
  const request = httpRequest(
    { hostname, port, method, path, headers: { ...headers, ...length }, agent },
    (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error('the answer is too long'));
        else pieces.push(piece);
      });
      response.on('end', () =>
        end({ status: response.statusCode ?? 502, headers: response.headers, body: Buffer.concat(pieces) }),
      );
      response.on('error', failed);
    },
  );
  request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  request.on('socket', (socket) => {
    const connected = (): void => void (sent = true);
    if (socket.connecting) socket.once('connect', connected);
    else connected();
  });
  request.on('error', failed);
  request.end(body ?? undefined);
  return true;
}
