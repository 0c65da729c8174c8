import type { ReplicaId } from '../base/brand.js';
import { FieldReader } from './varint.js';

/** Who speaks to whom on the connection that a frame came from: bound by the handshake, not sent in messages. */
export interface Route {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
}

/** One frame at a time is decoded: all who read of it share the position. */
export const reader = new FieldReader();

/** What one call of decodeFrame carries from message to message. */
export interface Frame {
  readonly body: Buffer;
  readonly ownsBody: boolean;
  readonly route: Route;
  /** Entries, and elements of other lists, so far. */
  entries: number;
}

export const EMPTY = Buffer.alloc(0);

/** Bytes [start, end) of the body, safe to keep: either in place or copied, see decodeFrame. */
export function keep(frame: Frame, start: number, end: number): Buffer {
  const bytes = end - start;
  if (bytes === 0) return EMPTY;
  if (frame.ownsBody && bytes * 2 >= frame.body.length) return frame.body.subarray(start, end);
  // Not from Buffer's pool: a payload that is kept would keep 8 KiB of other people's bytes.
  const copy = Buffer.allocUnsafeSlow(bytes);
  frame.body.copy(copy, 0, start, end);
  return copy;
}
