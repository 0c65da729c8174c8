import type { Logger } from '../../base/logger.js';
import type { RespLimits } from './limits.js';

/** What `createRespServer(router, options)` in server.ts takes. */
export interface RespServerOptions {
  readonly host: string;
  /** 0 picks a free port; `address` tells which. */
  readonly port: number;
  readonly logger?: Logger;
  /** Overrides of RESP_LIMITS. */
  readonly limits?: Partial<RespLimits>;
}

export interface RespServer {
  /** `host:port` as bound (IPv6 hosts in brackets). */
  readonly address: string;
  readonly port: number;
  /**
   * Accepts no more connections, reads no more commands, answers those in progress, then closes every connection.
   * Resolves when all are gone; the caller bounds the wait and calls `close` after it.
   */
  drain(): Promise<void>;
  /** Closes at once, without answering what is in progress. Resolves when the port is free. */
  close(): Promise<void>;
}
