import type { Seen } from '../router.js';

/**
 * Session tokens (ap.md §1.2.4): what a client has seen, of every keyspace that it used, in one opaque string. It travels
 * in `X-Kvorum-Session` (and as `causal-metadata`), is signed, so that no client can claim to have seen what does not exist,
 * and bounded. Sending it back gives read-your-writes and monotonic reads on every replica, with every engine.
 */
export interface SessionTokens {
  /** Throws session_token_invalid: not one of ours, forged, too long, or of another cluster. */
  decode(token: string): Session;
  encode(session: Session): string;
}

/** Per keyspace. */
export type Session = ReadonlyMap<string, Seen>;
