import { crc32c } from '../crc32c/index.js';

/*
 * A frame of the peer wire, all numbers little endian:
 *
 *   0          4           8         12
 *   +----------+-----------+---------+------------------+
 *   | u32      | u32       | u32     | body             |
 *   | length   | headerCrc | bodyCrc | (length bytes)   |
 *   +----------+-----------+---------+------------------+
 *
 * headerCrc is the CRC-32C of the four length bytes, seeded with a constant: a flipped length is detected before anyone
 * waits for four gigabytes, and a stream of something else (zeros too) is no frame (reliability.md §2.1). bodyCrc is
 * opaque here: whoever reads and writes bodies chooses it (Kvorum: the IEEE CRC-32 of node:zlib).
 */
export const FRAME_HEADER_BYTES = 12;
/** "MFVK": the seed of the header's CRC. */
export const FRAME_MAGIC = 0x4b56464d;

export const FrameScanStatus = {
  /** More bytes are needed; `next` says up to where at least. */
  INCOMPLETE: 0,
  /** A whole frame; all fields of `out` are set. */
  FRAME: 1,
  /** The header is sound, but its body would be longer than allowed. */
  TOO_LARGE: 2,
  /** The length does not match its checksum: the stream has no meaning any more. */
  BAD_HEADER: 3,
} as const;
export type FrameScanStatus = (typeof FrameScanStatus)[keyof typeof FrameScanStatus];
export const { INCOMPLETE, FRAME, TOO_LARGE, BAD_HEADER } = FrameScanStatus;

/** Where `scanFrame` writes what it found; allocate it once per stream. Positions are indexes into the buffer. */
export interface FrameScan {
  bodyStart: number;
  /** The position after the body. */
  bodyEnd: number;
  /** As written by the sender, unsigned; not verified yet. */
  bodyCrc: number;
  /** The position after the frame, or with INCOMPLETE: where the buffer must reach to for the next step. */
  next: number;
}

export function createFrameScan(): FrameScan {
  return { bodyStart: 0, bodyEnd: 0, bodyCrc: 0, next: 0 };
}

/**
 * Looks for one frame at `start` in bytes [start, end). The length is judged as soon as it and its checksum are there (8
 * bytes), so that nothing is buffered for a length that is damaged or above `bodyBytesMax`. Does not read the body: the
 * caller compares `bodyCrc`.
 */
export function scanFrame(
  buffer: Uint8Array,
  start: number,
  end: number,
  bodyBytesMax: number,
  out: FrameScan,
): FrameScanStatus {
  if (end - start < 8) {
    out.next = start + FRAME_HEADER_BYTES;
    return INCOMPLETE;
  }
  if (readUint32(buffer, start + 4) !== crc32c(buffer, start, start + 4, FRAME_MAGIC)) return BAD_HEADER;
  const bodyBytes = readUint32(buffer, start);
  if (bodyBytes > bodyBytesMax) return TOO_LARGE;
  const bodyStart = start + FRAME_HEADER_BYTES;
  const bodyEnd = bodyStart + bodyBytes;
  out.next = bodyEnd;
  if (bodyEnd > end) return INCOMPLETE;
  out.bodyStart = bodyStart;
  out.bodyEnd = bodyEnd;
  out.bodyCrc = readUint32(buffer, start + 8);
  return FRAME;
}

/** Writes the 12 bytes of a header at `at`. `bodyLength` and `bodyCrc` are unsigned 32-bit numbers. */
export function writeFrameHeader(buffer: Uint8Array, at: number, bodyLength: number, bodyCrc: number): void {
  writeUint32(buffer, at, bodyLength);
  writeUint32(buffer, at + 4, crc32c(buffer, at, at + 4, FRAME_MAGIC));
  writeUint32(buffer, at + 8, bodyCrc);
}

/** The body CRC in the header at `start`, without any check. */
export function bodyCrcOf(buffer: Uint8Array, start: number): number {
  return readUint32(buffer, start + 8);
}

function readUint32(buffer: Uint8Array, at: number): number {
  return (
    ((buffer[at] as number) |
      ((buffer[at + 1] as number) << 8) |
      ((buffer[at + 2] as number) << 16) |
      ((buffer[at + 3] as number) << 24)) >>>
    0
  );
}

function writeUint32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value;
  buffer[at + 1] = value >>> 8;
  buffer[at + 2] = value >>> 16;
  buffer[at + 3] = value >>> 24;
}
