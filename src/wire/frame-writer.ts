import { writeVarint } from '../../native-like/bytes/index.js';
import { FRAME_HEADER_BYTES } from './protocol.js';

/**
 * Payloads up to this are copied beside their header: measured, a copy of 4 KiB costs less than one more buffer in the
 * socket's write.
 */
export const INLINE_PAYLOAD_BYTES = 4096;

/** What a message takes: bytes, those of them that stand beside the frame's own buffer, and elements of lists. */
export interface MessageSize {
  readonly bytes: number;
  readonly standalone: number;
  readonly elements: number;
}

/** Bytes of a payload that will stand beside the frame's own buffer. */
export function standalone(bytes: Uint8Array): number {
  return bytes.length > INLINE_PAYLOAD_BYTES ? bytes.length : 0;
}

/** Copies small pieces into one buffer and lets large payloads stand beside it. */
export class FrameWriter {
  readonly buffers: Uint8Array[] = [];
  readonly meta: Buffer;
  at = FRAME_HEADER_BYTES;
  private flushedAt = 0;

  constructor(metaBytes: number) {
    this.meta = Buffer.allocUnsafe(metaBytes);
  }

  varint(value: number): void {
    this.at = writeVarint(this.meta, this.at, value);
  }

  bytesField(tag: number, bytes: Uint8Array): void {
    this.meta[this.at++] = tag;
    this.varint(bytes.length);
    if (bytes.length <= INLINE_PAYLOAD_BYTES) {
      this.meta.set(bytes, this.at);
      this.at += bytes.length;
      return;
    }
    this.flush();
    this.buffers.push(bytes);
  }

  flush(): void {
    if (this.at > this.flushedAt) this.buffers.push(this.meta.subarray(this.flushedAt, this.at));
    this.flushedAt = this.at;
  }
}
