import type { Logger } from '../../base/logger.js';
import type { Router } from '../../replica/router.js';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly logger?: Logger;
  /** Client connections at the same time; further ones are closed at once. */
  readonly connectionsMax?: number;
  /** A body larger than this is answered 413. Defaults to LIMITS.requestBytes. */
  readonly bodyBytesMax?: number;
}

export interface HttpServer {
  /** Where it listens. */
  readonly address: { readonly host: string; readonly port: number };
  /** Stops accepting, lets requests in progress finish, closes idle connections. */
  drain(): Promise<void>;
  /** Closes everything at once. */
  close(): Promise<void>;
}

/** Starts the HTTP API of one replica. Rejects with `address_in_use`. */
export async function createHttpServer(router: Router, options: HttpServerOptions): Promise<HttpServer> {
  const { buildServer } = await import('./build.js');
  return buildServer(router, options);
}
