import { connect, type ClientHttp2Session } from 'node:http2';
import type { Load, LoadOptions, Recorder } from './generator.js';

/** etcd's gRPC API spoken directly over HTTP/2: one stream per request, several streams per connection. */
const STREAMS_PER_SESSION = 100;

function field(number: number, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

function grpcMessage(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function message({ operation, valueBytes, keys }: LoadOptions): Buffer {
  const key = field(1, `key:${String(Math.floor(Math.random() * keys)).padStart(12, '0')}`);
  return grpcMessage(operation === 'get' ? key : Buffer.concat([key, field(2, 'x'.repeat(valueBytes))]));
}

class EtcdClient {
  readonly #session: ClientHttp2Session;
  readonly #recorder: Recorder;
  readonly #messages: Buffer[];
  readonly #headers: Record<string, string>;
  #turn = 0;
  stopped = false;

  constructor(session: ClientHttp2Session, options: LoadOptions, recorder: Recorder) {
    this.#session = session;
    this.#recorder = recorder;
    this.#messages = Array.from({ length: 64 }, () => message(options));
    this.#headers = {
      ':method': 'POST',
      ':path': options.operation === 'get' ? '/etcdserverpb.KV/Range' : '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    };
  }

  send(): void {
    if (this.stopped) return;
    const startMs = performance.now();
    const stream = this.#session.request(this.#headers);
    let status: string | undefined;
    stream.on('response', (headers) => (status = headers['grpc-status'] as string | undefined));
    stream.on('trailers', (trailers) => (status = trailers['grpc-status'] as string | undefined));
    stream.on('error', (error) => this.#recorder.failed(error.message));
    stream.on('close', () => {
      if (status === '0') this.#recorder.finished(1, (performance.now() - startMs) * 1000);
      else if (!this.stopped) this.#recorder.failed(`grpc-status ${status}`);
      this.send();
    });
    stream.resume();
    stream.end(this.#messages[this.#turn++ % this.#messages.length]);
  }
}

export async function createEtcdConnections(options: LoadOptions, recorder: Recorder): Promise<Load> {
  const inFlight = options.connections * options.pipeline;
  const sessions = await Promise.all(
    Array.from(
      { length: Math.min(options.connections, Math.ceil(inFlight / Math.min(STREAMS_PER_SESSION, inFlight / 5 + 1))) },
      () =>
        new Promise<ClientHttp2Session>((resolve, reject) => {
          const session = connect(`http://127.0.0.1:${options.port}`, () => resolve(session));
          session.on('error', reject);
        }),
    ),
  );
  const clients: EtcdClient[] = [];
  for (let at = 0; at < inFlight; at++) {
    const session = sessions[at % sessions.length];
    if (session === undefined) continue;
    clients.push(new EtcdClient(session, options, recorder));
  }
  for (const client of clients) client.send();
  return {
    stop: () => {
      for (const client of clients) client.stopped = true;
      for (const session of sessions) session.destroy();
    },
  };
}
