import type { Kind } from './kinds.js';

/** Why an operation did not succeed. */
export interface Failure {
  /** The server's own: first word of a Redis error, `code` of a problem document; or one of ours (LaneCode). */
  readonly code: string;
  readonly message: string;
  /** If it was a write, it may have taken effect. */
  readonly unknown: boolean;
}

/** Codes that no server gives. */
export const LaneCode = {
  /** No connection could be made: nothing was sent. */
  CANNOT_CONNECT: 'cannot_connect',
  /** The connection ended while requests were in flight. */
  CONNECTION_LOST: 'connection_lost',
  /** No answer within the timeout. */
  NO_ANSWER: 'no_answer',
  /** What came is no answer of this protocol. */
  BAD_ANSWER: 'bad_answer',
} as const;

/**
 * A connection with requests in flight, as the loops see it. Requests that are submitted leave with the next `flush`, in
 * one write.
 */
export interface Lane {
  /** How many requests may be submitted now; 0 while there is no connection. */
  readonly free: number;
  /** Opens the connection, and again whenever it is lost, until it is closed. */
  open(): void;
  /** `startMs` comes back with the answer. Only while `free` is above 0. */
  submit(kind: Kind, key: number, startMs: number): void;
  flush(): void;
  /** Called a few times a second: gives up what waits for too long. */
  tick(nowMs: number): void;
  /** What is in flight is told as failed with `code`, unless that is null: then nothing more is told. */
  close(code: string | null): void;
}

export interface LaneEvents {
  /** One answer; `failure` is null when it is a success. `found` is false when a read found nothing. */
  done(kind: Kind, key: number, startMs: number, nowMs: number, failure: Failure | null, found: boolean): void;
  /** There is room: a connection was made, or all answers that came together have been told. */
  room(): void;
  /** The connection could not be made (`CANNOT_CONNECT`) or was lost. */
  down(failure: Failure): void;
}

export type LaneFactory = (events: LaneEvents) => Lane;
