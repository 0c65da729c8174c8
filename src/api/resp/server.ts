import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors/error.js';
import { silentLogger, type Logger } from '../../base/logger.js';
import type { Keyspace, Router } from '../../replica/router.js';
import type { Client, ServerStats } from './client.js';
import { Connection, type ConnectionHost } from './connection.js';
import { RESP_LIMITS, type RespLimits } from './limits.js';
import type { RespServer, RespServerOptions } from './types.js';
import { ScanCursors } from './scan-cursors.js';

/** At most one line a minute about browsers and port scanners. */
const CROSS_PROTOCOL_WARNING_MS = 60_000;
/** Connections that wait in the kernel for their accept. */
const BACKLOG = 511;

/** The Redis protocol on one port. The port is open when the promise resolves; rejects with `address_in_use`. */
export async function createRespServer(router: Router, options: RespServerOptions): Promise<RespServer> {
  const server = new RespListener(router, options);
  await server.listen();
  return server;
}

class RespListener implements RespServer, ConnectionHost {
  readonly router: Router;
  readonly limits: RespLimits;
  readonly scanLimits: ConnectionHost['scanLimits'];
  readonly databases: readonly Keyspace[];
  readonly stats: ServerStats = {
    connectionsAccepted: 0,
    connectionsRejected: 0,
    commandsProcessed: 0,
    errorReplies: 0,
  };
  readonly #options: RespServerOptions;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #sockets = new Set<Socket>();
  #address: { readonly host: string; readonly port: number };
  readonly scans = new ScanCursors();
  #nextClientId = 1;
  #warnedCrossProtocolMs = Number.NEGATIVE_INFINITY;
  #closed: Promise<void> | null = null;

  constructor(router: Router, options: RespServerOptions) {
    this.router = router;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const connections = options.connectionsMax ?? RESP_LIMITS.connections;
    this.limits = { ...RESP_LIMITS, connections, ...options.limits };
    this.scanLimits = {
      argumentsMax: this.limits.arguments,
      bulkBytesMax: this.limits.bulkBytes,
      lineBytesMax: this.limits.inlineBytes,
      requestBytesMax: this.limits.queryBytes,
      authenticated: true,
    };
    const { defaultKeyspace } = router;
    this.databases = [defaultKeyspace, ...router.keyspaces.filter((keyspace) => keyspace !== defaultKeyspace)];
    this.#address = { host: options.host, port: options.port };
    // A client that has sent all it has to say still waits for the answers.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#onConnection(socket));
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        const inUse = error.code === 'EADDRINUSE';
        const text = `${host}:${port} (option redis of the replica): ${error.message}`;
        reject(new KvorumError(inUse ? 'address_in_use' : 'config_invalid', text, { cause: error }));
      };
      this.#server.once('error', onError);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (error) => this.#logger.error('resp_listener_failed', { detail: error.message }));
        resolve();
      });
    });
    this.#address = { host, port: (this.#server.address() as AddressInfo).port };
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#address;
  }

  get port(): number {
    return this.#address.port;
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#connections.size >= this.limits.connections) {
      this.stats.connectionsRejected++;
      socket.on('error', () => socket.destroy());
      socket.write('-ERR max number of clients reached\r\n');
      socket.destroySoon();
      return;
    }
    this.stats.connectionsAccepted++;
    this.#connections.add(new Connection(this, socket, this.#nextClientId++));
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection);
  }

  clients(): Iterable<Client> {
    return this.#connections;
  }

  get clientCount(): number {
    return this.#connections.size;
  }

  warn(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#logger.warn(event, fields);
  }

  warnCrossProtocol(client: Client): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedCrossProtocolMs < CROSS_PROTOCOL_WARNING_MS) return;
    this.#warnedCrossProtocolMs = nowMs;
    this.#logger.warn('cross_protocol_request', { client: client.address, detail: 'HTTP was sent to the Redis port' });
  }

  drain(): Promise<void> {
    const closed = this.#stopListening();
    for (const connection of this.#connections) connection.finish();
    return closed;
  }

  close(): Promise<void> {
    const closed = this.#stopListening();
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
    assert(this.#connections.size === 0, 'every connection was closed');
    return closed;
  }

  #stopListening(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()));
    return this.#closed;
  }
}
