import { connect, type ClientHttp2Session } from 'node:http2';
import type { DriverContext, LaneFactories } from '../../../src/workload/drivers.js';
import { isWrite, type Kind } from '../../../src/workload/kinds.js';
import { LaneCode, type Failure, type Lane, type LaneEvents } from '../../../src/workload/lane.js';
import { KEY_BYTES, writeKey } from '../../../src/workload/lanes/protocol.js';
import { Values } from '../../../src/workload/values.js';

/**
 * etcd's gRPC API spoken directly over HTTP/2, as lanes of our load generator: one stream per request, several streams per
 * connection. Clients share connections, as etcd is slower with one for each. Nothing is connected again.
 */
const STREAMS_PER_SESSION = 100;
const FIELD_KEY = 0x0a;
const FIELD_VALUE = 0x12;
const HEAD_BYTES = 5;

export function createLaneFactories({ endpoints, prng, settings }: DriverContext): LaneFactories {
  const { clients, pipeline, valueBytes } = settings;
  const [endpoint] = endpoints;
  if (endpoint === undefined) throw new Error('etcd needs an address');
  const inFlight = clients * pipeline;
  const count = Math.min(clients, Math.ceil(inFlight / Math.min(STREAMS_PER_SESSION, inFlight / 5 + 1)));
  const values = new Values(valueBytes, prng);
  const sessions = Array.from({ length: count }, () => new SharedSession(`http://${endpoint.host}:${endpoint.port}`));
  return (lane) => {
    const session = sessions[lane % count];
    if (session === undefined) throw new Error('every lane has a session');
    return (events) => new EtcdLane(session, events, pipeline, values);
  };
}

class SharedSession {
  readonly #session: ClientHttp2Session;
  #failure: Error | null = null;
  #connected = false;
  #waiting: (() => void)[] = [];

  constructor(url: string) {
    this.#session = connect(url, () => {
      this.#connected = true;
      this.#wake();
    });
    this.#session.on('error', (error) => {
      this.#failure ??= error;
      this.#wake();
    });
  }

  get failure(): Error | null {
    return this.#failure;
  }

  settled(then: () => void): void {
    if (this.#connected || this.#failure !== null) then();
    else this.#waiting.push(then);
  }

  request(headers: Readonly<Record<string, string>>): ReturnType<ClientHttp2Session['request']> {
    return this.#session.request(headers);
  }

  destroy(): void {
    this.#session.destroy();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function headersOf(path: string): Record<string, string> {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}

const RANGE = headersOf('/etcdserverpb.KV/Range');
const PUT = headersOf('/etcdserverpb.KV/Put');

class EtcdLane implements Lane {
  readonly #session: SharedSession;
  readonly #events: LaneEvents;
  readonly #pipeline: number;
  readonly #values: Values;
  #inFlight = 0;
  #open = false;

  constructor(session: SharedSession, events: LaneEvents, pipeline: number, values: Values) {
    this.#session = session;
    this.#events = events;
    this.#pipeline = pipeline;
    this.#values = values;
  }

  get free(): number {
    return this.#open ? this.#pipeline - this.#inFlight : 0;
  }

  open(): void {
    this.#session.settled(() => {
      const { failure } = this.#session;
      this.#open = failure === null;
      if (failure === null) this.#events.room();
      else this.#events.down({ code: LaneCode.CANNOT_CONNECT, message: failure.message, unknown: false });
    });
  }

  submit(kind: Kind, key: number, startMs: number): void {
    this.#inFlight++;
    const stream = this.#session.request(isWrite(kind) ? PUT : RANGE);
    let status: string | undefined;
    let found = true;
    stream.on('response', (headers) => (status = headers['grpc-status'] as string | undefined));
    stream.on('trailers', (trailers) => (status = trailers['grpc-status'] as string | undefined));
    stream.on('error', () => undefined); // The close that follows tells.
    stream.on('close', () => {
      this.#inFlight--;
      if (!this.#open) return;
      const failure: Failure | null =
        status === '0' ? null : { code: `grpc_${status ?? 'none'}`, message: `grpc-status ${status}`, unknown: true };
      if (failure !== null) found = false;
      this.#events.done(kind, key, startMs, performance.now(), failure, found);
      this.#events.room();
    });
    stream.resume();
    stream.end(this.#message(kind, key));
  }

  flush(): void {}

  tick(): void {}

  close(code: string | null): void {
    this.#open = false;
    this.#session.destroy();
    if (code === null) return;
    const failure = { code, message: 'no answer before the end of the run', unknown: true };
    if (this.#inFlight > 0) this.#events.down(failure);
  }

  #message(kind: Kind, key: number): Buffer {
    const valueBytes = isWrite(kind) ? this.#values.drawLength() : 0;
    const bytes = Buffer.alloc(HEAD_BYTES + 2 + KEY_BYTES + (isWrite(kind) ? 4 + valueBytes : 0));
    let at = HEAD_BYTES;
    bytes[at++] = FIELD_KEY;
    bytes[at++] = KEY_BYTES;
    at = writeKey(bytes, at, key);
    if (isWrite(kind)) {
      bytes[at++] = FIELD_VALUE;
      let rest = valueBytes;
      for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
      bytes[at++] = rest;
      at = this.#values.write(bytes, at, valueBytes);
    }
    bytes.writeUInt32BE(at - HEAD_BYTES, 1);
    return bytes.subarray(0, at);
  }
}
