import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import { silentLogger, type Logger } from '../../base/logger.js';
import type { Router } from '../../replica/router.js';
import { buildApplication, type Application } from './build.js';
import type { ServerContext } from './exchange.js';
import { parserRefusal, refusalOf, refuse, refuseSocket } from './guard.js';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly logger?: Logger;
  /** Client connections at the same time; further ones are closed at once. */
  readonly connectionsMax?: number;
  /** A body larger than this is answered 413. Defaults to LIMITS.requestBytes. */
  readonly bodyBytesMax?: number;
  /** How long a client may take to send the headers of a request. Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** How long a client may take to send a whole request. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** How long a connection without a request stays open. Default 30 s. */
  readonly keepAliveTimeoutMs?: number;
  /** How often the time-outs are checked. Default 2 s. */
  readonly timeoutCheckMs?: number;
}

export interface HttpServer {
  /** Where it listens. */
  readonly address: { readonly host: string; readonly port: number };
  /** Stops accepting, lets requests in progress finish, closes idle connections. Resolves when none is left. */
  drain(): Promise<void>;
  /** Closes everything at once. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 10_000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 100;
const STUCK_MS = 60_000;
/** While draining, connections that have become idle are closed this often. */
const DRAIN_SWEEP_MS = 20;

/** Starts the HTTP API of one replica. Rejects with `address_in_use`. */
export async function createHttpServer(router: Router, options: HttpServerOptions): Promise<HttpServer> {
  const context: ServerContext = { router, logger: options.logger ?? silentLogger, draining: false };
  const bodyBytesMax = options.bodyBytesMax ?? LIMITS.requestBytes;
  const application = await buildApplication(context, bodyBytesMax);
  const server = createSocketServer(application, router, options, bodyBytesMax);
  try {
    await listen(server, options);
  } catch (error) {
    await application.app.close();
    throw error;
  }
  return new RunningServer(server, application, context);
}

/** Node's defaults are made for servers behind a proxy; these are reliability.md §6.3. */
function createSocketServer(
  { app }: Application,
  router: Router,
  options: HttpServerOptions,
  bodyBytesMax: number,
): Server {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: options.headersTimeoutMs ?? 10_000,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 30_000,
    connectionsCheckingInterval: options.timeoutCheckMs ?? 2000,
    noDelay: true,
    insecureHTTPParser: false,
  });
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  server.maxHeadersCount = HEADERS_MAX;
  server.timeout = STUCK_MS; // A client that does not read its answer.
  const refuseCounted = (response: ServerResponse, error: KvorumError): void => {
    router.countRefused('http', error.code);
    refuse(response, error);
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = refusalOf(request);
    if (refusal === null) {
      dropIdleType(request);
      app.routing(request, response);
    } else refuseCounted(response, refusal);
  };
  server.on('request', serve);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) {
      refuseCounted(response, new KvorumError('request_too_large'));
      return;
    }
    response.writeContinue();
    serve(request, response);
  });
  server.on('clientError', (failure: Error, socket: Duplex) => onParserError(router, failure, socket));
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    refuseSocket(socket, new KvorumError('method_not_allowed', 'CONNECT is for proxies'));
  });
  return server;
}

/** Clients name a Content-Type on a GET, too, and some name nonsense: without a body it means nothing. */
function dropIdleType({ headers, method }: IncomingMessage): void {
  if (method !== 'GET' || headers['content-type'] === undefined) return;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (!hasBody) delete headers['content-type'];
}

function onParserError(router: Router, failure: Error, socket: Duplex): void {
  const error = parserRefusal(failure);
  if (error === null || !socket.writable || !mayAnswer(socket)) {
    socket.destroy();
    return;
  }
  router.countRefused('http', error.code);
  refuseSocket(socket, error);
}

/** node:http's own note on the socket of which response is being made there. */
interface HttpSocket extends Duplex {
  readonly _httpMessage?: (ServerResponse & { readonly req: IncomingMessage }) | null;
}

/**
 * False when the error would be taken for the answer to an earlier request on the connection, which is complete and
 * may yet take effect: then closing is the only honest answer.
 */
function mayAnswer(socket: HttpSocket): boolean {
  const current = socket._httpMessage;
  return current === undefined || current === null || (!current.headersSent && !current.req.complete);
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error & { code?: string }) => {
      const inUse = error.code === 'EADDRINUSE';
      const detail = `${host}:${port} is in use (option replicas.*.http)`;
      reject(inUse ? new KvorumError('address_in_use', detail, { cause: error }) : error);
    });
    server.listen({ host, port }, resolve);
  });
}

class RunningServer implements HttpServer {
  readonly address: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #application: Application;
  readonly #context: ServerContext;
  #stopped: Promise<void> | null = null;

  constructor(server: Server, application: Application, context: ServerContext) {
    this.#server = server;
    this.#application = application;
    this.#context = context;
    const bound = server.address() as AddressInfo;
    this.address = { host: bound.address, port: bound.port };
  }

  drain(): Promise<void> {
    this.#context.draining = true;
    return this.#stop();
  }

  async close(): Promise<void> {
    const stopped = this.#stop();
    this.#server.closeAllConnections();
    await stopped;
    await this.#application.app.close();
  }

  /** Stops accepting; resolves when the last connection is closed. */
  #stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      const sweep = setInterval(() => this.#server.closeIdleConnections(), DRAIN_SWEEP_MS);
      this.#server.close(() => {
        clearInterval(sweep);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
    return this.#stopped;
  }
}
