import { crc32cReference } from '../crc32c/reference.js';
import {
  BAD_HEADER,
  FRAME,
  FRAME_MAGIC,
  INCOMPLETE,
  TOO_LARGE,
  type FrameScan,
  type FrameScanStatus,
} from './index.js';

/** Same contract as `scanFrame` in index.ts, by DataView over a copy. */
export function scanFrameReference(
  buffer: Uint8Array,
  start: number,
  end: number,
  bodyBytesMax: number,
  out: FrameScan,
): FrameScanStatus {
  const bytes = buffer.slice(start, end);
  const view = new DataView(bytes.buffer);
  out.next = start + 12;
  if (bytes.length < 8) return INCOMPLETE;
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== crc32cReference(bytes, 0, 4, FRAME_MAGIC)) return BAD_HEADER;
  if (length > bodyBytesMax) return TOO_LARGE;
  out.next = start + 12 + length;
  if (bytes.length < 12 + length) return INCOMPLETE;
  Object.assign(out, { bodyStart: start + 12, bodyEnd: out.next, bodyCrc: view.getUint32(8, true) });
  return FRAME;
}

/** Same contract as `writeFrameHeader` in index.ts. */
export function writeFrameHeaderReference(buffer: Uint8Array, at: number, bodyLength: number, bodyCrc: number): void {
  const header = new Uint8Array(12);
  const view = new DataView(header.buffer);
  view.setUint32(0, bodyLength, true);
  view.setUint32(4, crc32cReference(header, 0, 4, FRAME_MAGIC), true);
  view.setUint32(8, bodyCrc, true);
  buffer.set(header, at);
}
