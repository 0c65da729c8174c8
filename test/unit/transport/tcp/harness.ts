import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import type { LogIndex, GroupId, ReplicaId, Term } from '../../../../src/base/brand.js';
import type { Logger } from '../../../../src/base/logger.js';
import { createPrng } from '../../../../src/base/prng.js';
import type { Envelope } from '../../../../src/transport/transport.js';
import { createTcpTransport, type LinkTimings, type TcpTransport } from '../../../../src/transport/tcp/index.js';
import type { TcpTransportOptions } from '../../../../src/transport/tcp/index.js';
import { FrameDecoder } from '../../../../src/wire/frame-decoder.js';
import { decodeAnswer, decodeHello, encodeAnswer, encodeHello } from '../../../../src/wire/handshake.js';
import type { Hello, HelloAccepted, HelloAnswer } from '../../../../src/wire/handshake.js';
import { FRAME_BODY_BYTES_MAX } from '../../../../src/wire/protocol.js';
import { Recorder } from '../../../contract/recorder.js';

export const N1 = 'n1' as ReplicaId;
export const N2 = 'n2' as ReplicaId;

/** A hundred times faster than in production, in the same proportions. */
export const FAST: LinkTimings = {
  handshakeTimeoutMs: 100,
  pingIntervalMs: 20,
  silenceTimeoutMs: 200,
  frameDeadlineMs: 150,
  reconnectMinMs: 5,
  reconnectMaxMs: 40,
  refusedRetryMs: 400,
};

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Node {
  readonly transport: TcpTransport;
  readonly recorder: Recorder;
  readonly log: LogLine[];
  readonly port: number;
}

/** A started transport that is closed after the test. */
export async function node(t: Test, self: ReplicaId, options: Partial<TcpTransportOptions> = {}): Promise<Node> {
  const log: LogLine[] = [];
  const write =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}) => {
      log.push({ level, event, fields });
    };
  const logger: Logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const transport = createTcpTransport({
    self,
    cluster: 'demo',
    incarnation: 10,
    listen: { host: '127.0.0.1', port: 0 },
    peers: [],
    logger,
    prng: createPrng(1),
    timings: FAST,
    ...options,
  });
  const recorder = new Recorder();
  // As a replica does: whoever is not listed is not known.
  recorder.verdict = (peer) => (transport.status().some(({ peer: id }) => id === peer) ? null : 'unknown_replica');
  await transport.start(recorder);
  t.teardown(() => transport.close());
  return { transport, recorder, log, port: transport.address?.port ?? 0 };
}

/** Waits until `condition` holds; fails after half a minute. For states that no event announces. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 6000) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function at(port: number, id: ReplicaId): { id: ReplicaId; host: string; port: number } {
  return { id, host: '127.0.0.1', port };
}

export const NONCE = new Uint8Array(16).fill(1);
export const HELLO: Hello = {
  versions: { min: 1, max: 1 },
  cluster: 'demo',
  from: 'n2',
  to: 'n1',
  incarnation: 10,
  nonce: NONCE,
  folder: null,
};

/** A socket that speaks the protocol by hand. Everything that arrives is in `bodies`; `closed` tells the end. */
export class RawPeer {
  readonly socket: Socket;
  readonly bodies: Buffer[] = [];
  readonly closed: Promise<unknown>;
  isClosed = false;
  private readonly decoder = new FrameDecoder();

  constructor(socket: Socket) {
    this.socket = socket;
    this.decoder.bodyBytesMax = FRAME_BODY_BYTES_MAX;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.decoder.feed(chunk);
      for (let body = this.decoder.next(); body !== null; body = this.decoder.next())
        this.bodies.push(Buffer.from(body));
    });
    this.closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  /** Rejects when the connection ends without it: a test that is over waits for nothing. */
  async body(index: number): Promise<Buffer> {
    await eventually(`frame ${index}`, () => this.bodies.length > index || this.isClosed);
    const body = this.bodies[index];
    if (body === undefined) throw new Error(`the connection ended before frame ${index}`);
    return body;
  }

  /** Dials `port`, without a word. */
  static async dial(t: Test, port: number): Promise<RawPeer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  /** Dials and says Hello. */
  static async greet(
    t: Test,
    port: number,
    hello: Partial<Hello> = {},
  ): Promise<{ peer: RawPeer; answer: HelloAnswer }> {
    const peer = await RawPeer.dial(t, port);
    peer.socket.write(encodeHello({ ...HELLO, ...hello }));
    return { peer, answer: decodeAnswer(await peer.body(0), NONCE) };
  }
}

/** A listener that takes connections of a transport and answers Hellos with `answer`, or not at all. */
export async function rawListener(
  t: Test,
  answer: HelloAnswer | null,
): Promise<{ port: number; accepted: RawPeer[]; hellos: Hello[]; server: Server }> {
  const accepted: RawPeer[] = [];
  const hellos: Hello[] = [];
  const greet = async (peer: RawPeer): Promise<void> => {
    const hello = decodeHello(await peer.body(0));
    hellos.push(hello);
    if (answer !== null) peer.socket.write(encodeAnswer(answer, hello.nonce));
  };
  const server = createServer({ noDelay: true }, (socket) => {
    const peer = new RawPeer(socket);
    accepted.push(peer);
    greet(peer).catch(() => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const { socket } of accepted) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, accepted, hellos, server };
}

export const ACCEPTED: HelloAccepted = {
  outcome: 'accepted',
  version: 1,
  cluster: 'demo',
  from: 'n2',
  incarnation: 1,
  folder: null,
};

export function heartbeat(from: ReplicaId, to: ReplicaId, readRound: number): Envelope {
  const numbers = { term: 1 as Term, commit: 0 as LogIndex, readRound };
  return { group: 'default/0' as GroupId, message: { type: 'heartbeat', from, to, ...numbers } };
}

export function chunk(from: ReplicaId, to: ReplicaId, data: Uint8Array): Envelope {
  const numbers = { term: 1 as Term, streamId: 1, index: 1 as LogIndex, indexTerm: 1 as Term, sequence: 0 };
  return { group: 'default/0' as GroupId, message: { type: 'snapshotChunk', from, to, ...numbers, last: false, data } };
}
