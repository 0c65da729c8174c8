import type { Logger } from '../../base/logger.js';
import type { RespLimits } from './limits.js';

/** What `createRespServer(router, options)` in server.ts takes. */
export interface RespServerOptions {
  readonly host: string;
  /** 0 picks a free port; `address` tells which. */
  readonly port: number;
  readonly logger?: Logger;
  /** Connections at the same time (option api.connectionsMax). */
  readonly connectionsMax?: number;
  /** Overrides of RESP_LIMITS. */
  readonly limits?: Partial<RespLimits>;
}

export interface RespServer {
  /** As bound: the real port when 0 was asked for. */
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Accepts no more connections, reads no more commands, answers those in progress, then closes every connection.
   * Resolves when all are gone; the caller bounds the wait and calls `close` after it.
   */
  drain(): Promise<void>;
  /** Closes at once, without answering what is in progress. Resolves when the port is free. */
  close(): Promise<void>;
}
