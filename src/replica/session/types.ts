import type { Dot } from '../../base/dot.js';
import type { Seen } from '../router.js';

/**
 * Session tokens (ap.md §1.2.4): what a client has seen, of every keyspace that it used, in one opaque string. It travels
 * in `X-Kvorum-Session` (and as `causal-metadata`), is signed, so that no client can claim to have seen what does not exist,
 * and bounded. Sending it back gives read-your-writes and monotonic reads on every replica, with every engine.
 */
export interface SessionTokens {
  /** Throws session_token_invalid: not one of ours, forged, too long, or of another cluster. */
  decode(token: string): Session;
  /**
   * Throws session_token_invalid when the session is too large even without what every member has by now: a
   * token that quietly left something out would break its promise.
   */
  encode(session: Session): string;
}

/** Per keyspace. */
export type Session = ReadonlyMap<string, Seen>;

export interface SessionTokenOptions {
  /** Tokens of another cluster are not taken, whatever the key. */
  readonly cluster: string;
  /** Every replica of the cluster has the same. The first signs; all of them are taken (rotation). */
  readonly keys: readonly SessionKey[];
  /** True when every member of the keyspace is known to have it: no replica would ever wait for it. */
  everywhere?(keyspace: string, dot: Dot): boolean;
}

export interface SessionKey {
  /** 0 to 255. */
  readonly id: number;
  readonly secret: Uint8Array;
}
