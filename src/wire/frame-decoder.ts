import { crc32 } from 'node:zlib';
import {
  BAD_HEADER,
  createFrameScan,
  FRAME,
  INCOMPLETE,
  scanFrame,
  TOO_LARGE,
} from '../../native-like/frame-scan/index.js';
import { assert } from '../base/assert.js';
import { FRAME_HEADER_BYTES, HANDSHAKE_BODY_BYTES_MAX } from './protocol.js';
import { WireError } from './wire-error.js';

const EMPTY: Buffer = Buffer.alloc(0);
/** A frame up to this gets its whole buffer at once; a larger one grows with what arrives. */
const FIRST_ALLOCATION_BYTES = 1024 * 1024;

/**
 * Cuts a stream of socket chunks into frame bodies. A frame inside one chunk is a view of it; a frame that arrives in
 * pieces is gathered in a buffer of its own, into which each byte is copied once (or twice above 1 MiB, where the buffer
 * doubles): a peer that announces 32 MiB and sends nothing costs 1 MiB, not 32.
 *
 * After a WireError the stream has no meaning any more: never resynchronise, close (reliability.md §2.1).
 */
export class FrameDecoder {
  /** Frames with a longer body are refused before they are buffered. Raised once the handshake is done. */
  bodyBytesMax = HANDSHAKE_BODY_BYTES_MAX;
  /** Whether the body that `next` returned last is alone in its buffer, so that keeping it keeps nothing else. */
  ownsBody = false;

  private chunk = EMPTY;
  private at = 0;
  /** The beginning of a frame whose rest is still to come: bytes [0, partialBytes). */
  private partial = EMPTY;
  private partialBytes = 0;
  private readonly found = createFrameScan();

  /** Takes the next chunk of the stream; `next` must have returned null before. */
  feed(chunk: Buffer): void {
    assert(this.at === this.chunk.length, 'the last chunk was read to its end');
    this.chunk = chunk;
    this.at = 0;
  }

  /** Bytes of the frame that has begun but is not complete; 0 between frames. */
  get pendingBytes(): number {
    return this.partialBytes;
  }

  /** Announced length of the frame that has begun, its header included; 0 when not known yet. */
  get pendingFrameBytes(): number {
    return this.partialBytes < FRAME_HEADER_BYTES ? 0 : FRAME_HEADER_BYTES + this.partial.readUInt32LE(0);
  }

  /** The next complete body, its checksum verified; null when more bytes are needed. Throws WireError only. */
  next(): Buffer | null {
    return this.partialBytes === 0 ? this.nextInChunk() : this.nextFromPieces();
  }

  private nextInChunk(): Buffer | null {
    const { chunk, found } = this;
    if (this.at === chunk.length) return this.release();
    if (this.scan(chunk, this.at, chunk.length)) {
      this.at = found.next;
      this.ownsBody = false;
      return this.verified(chunk);
    }
    this.gather(chunk.length - this.at);
    return this.release();
  }

  private nextFromPieces(): Buffer | null {
    const { chunk } = this;
    if (this.partialBytes < FRAME_HEADER_BYTES) {
      this.gather(Math.min(FRAME_HEADER_BYTES - this.partialBytes, chunk.length - this.at));
      if (this.partialBytes < FRAME_HEADER_BYTES) return this.release();
    }
    // Also checks the header, before its length is believed.
    let complete = this.scan(this.partial, 0, this.partialBytes);
    if (!complete) {
      this.gather(Math.min(this.pendingFrameBytes - this.partialBytes, chunk.length - this.at));
      if (this.partialBytes < this.pendingFrameBytes) return this.release();
      complete = this.scan(this.partial, 0, this.partialBytes);
    }
    assert(complete && this.found.next === this.partialBytes, 'exactly one frame was gathered');
    const whole = this.partial;
    this.partial = EMPTY;
    this.partialBytes = 0;
    this.ownsBody = true;
    return this.verified(whole);
  }

  private verified(buffer: Buffer): Buffer {
    const { bodyStart, bodyEnd, bodyCrc } = this.found;
    const body = buffer.subarray(bodyStart, bodyEnd);
    if (crc32(body) !== bodyCrc) throw new WireError('bad_crc', `a body of ${body.length} bytes`);
    return body;
  }

  /** True when a whole frame was found. */
  private scan(buffer: Buffer, start: number, end: number): boolean {
    const status = scanFrame(buffer, start, end, this.bodyBytesMax, this.found);
    if (status === TOO_LARGE) throw new WireError('frame_too_large', `a body above ${this.bodyBytesMax} bytes`);
    if (status === BAD_HEADER) throw new WireError('bad_header', 'the header does not match its checksum');
    assert(status === FRAME || status === INCOMPLETE, 'a scan has four outcomes');
    return status === FRAME;
  }

  /** Moves the next `bytes` of the chunk behind what was gathered. */
  private gather(bytes: number): void {
    const { chunk, at } = this;
    this.reserve(this.partialBytes + bytes);
    chunk.copy(this.partial, this.partialBytes, at, at + bytes);
    this.partialBytes += bytes;
    this.at += bytes;
  }

  private reserve(needed: number): void {
    if (needed <= this.partial.length) return;
    const whole = this.announced(needed);
    const capacity = Math.max(needed, Math.min(whole, Math.max(FIRST_ALLOCATION_BYTES, this.partial.length * 2)));
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.partial.copy(grown, 0, 0, this.partialBytes);
    this.partial = grown;
  }

  /** Length of the frame that the pieces belong to, as far as its header is there already. */
  private announced(needed: number): number {
    if (this.partialBytes >= FRAME_HEADER_BYTES) return this.pendingFrameBytes;
    if (this.partialBytes > 0 || needed < FRAME_HEADER_BYTES) return 0;
    return FRAME_HEADER_BYTES + this.chunk.readUInt32LE(this.at);
  }

  private release(): null {
    this.chunk = EMPTY;
    this.at = 0;
    return null;
  }
}
