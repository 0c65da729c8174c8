import { LIMITS } from '../../base/limits.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bounds of the Redis protocol server. Every queue of a connection has one (reliability.md §2.5). */
export interface RespLimits {
  /** Connections at the same time; one more is told `max number of clients reached`. */
  readonly connections: number;
  /** Commands of one connection that wait for their reply; beyond it no further ones are read. */
  readonly outstandingCommands: number;
  /** Commands of one connection that run before other connections get their chance. */
  readonly commandsPerTurn: number;
  /** One argument; a longer one is a protocol error (Redis proto-max-bulk-len). */
  readonly bulkBytes: number;
  /** Arguments of one request. */
  readonly arguments: number;
  /** An inline request, or the header of an argument (Redis PROTO_INLINE_MAX_SIZE). */
  readonly inlineBytes: number;
  /** Bytes received and not yet understood; beyond it the connection is closed (Redis client-query-buffer-limit). */
  readonly queryBytes: number;
  /** Received bytes that wait behind unanswered commands; beyond it the socket is not read. */
  readonly queryPauseBytes: number;
  /** Unsent reply bytes beyond which replies wait in the connection as references, and no commands are read. */
  readonly outputPauseBytes: number;
  /** Unsent reply bytes beyond which the connection is closed (Redis client-output-buffer-limit). */
  readonly outputBytes: number;
}

export const RESP_LIMITS: RespLimits = {
  connections: 10_000,
  outstandingCommands: 10_000,
  commandsPerTurn: 1024,
  bulkBytes: LIMITS.requestBytes,
  // Room for the largest atomic batch as MSET sends it, twice over.
  arguments: 4 * LIMITS.batchOperations + 1,
  inlineBytes: 64 * KIB,
  queryBytes: 2 * LIMITS.requestBytes + 1 * MIB,
  queryPauseBytes: 256 * KIB,
  outputPauseBytes: 1 * MIB,
  outputBytes: 64 * MIB,
};
