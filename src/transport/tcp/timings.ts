/** Every time that the links between replicas use, in milliseconds. */
export interface LinkTimings {
  /** From the first attempt to connect until the answer to our Hello; and from accept until the peer's Hello. */
  readonly handshakeTimeoutMs: number;
  /** An idle connection is pinged this often; the acceptor acknowledges received bytes at most this often. */
  readonly pingIntervalMs: number;
  /** A connection on which nothing arrived for so long is dead (etcd rafthttp: 5 s). */
  readonly silenceTimeoutMs: number;
  /** From the first byte of a frame to its last; plus a second for each MiB of it. */
  readonly frameDeadlineMs: number;
  /** First pause before the next attempt to connect; doubles, with jitter, up to `reconnectMaxMs`. */
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** Pause after a refusal that only an operator can end: another cluster or version, a removed id, a lost disk. */
  readonly refusedRetryMs: number;
}

export const DEFAULT_TIMINGS: LinkTimings = {
  handshakeTimeoutMs: 5_000,
  pingIntervalMs: 500,
  silenceTimeoutMs: 5_000,
  frameDeadlineMs: 10_000,
  reconnectMinMs: 20,
  reconnectMaxMs: 2_000,
  refusedRetryMs: 30_000,
};
