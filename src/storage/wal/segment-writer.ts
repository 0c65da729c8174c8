import { assert } from '../../base/assert.js';
import type { File, FileSystem } from '../file-system.js';
import { TEMPORARY_SUFFIX, segmentName } from './format.js';
import { encodableHeader, type SegmentHeader } from './unit-decoder.js';
import { UnitEncoder } from './unit-encoder.js';

/** Zeros are written ahead of the head in steps of this: see DESIGN.md for what it saves. */
export const PREALLOCATE_BYTES = 1024 * 1024;

/** What most headers fit into; it grows for more groups. */
const HEADER_STAGING_BYTES = 4096;

const ZEROS = Buffer.alloc(PREALLOCATE_BYTES);

/**
 * The segment that is being appended to. Its file is longer than what was written: zeros lie ahead, so that most syncs
 * need not change the file's size (half the time of an fdatasync here).
 */
export class SegmentWriter {
  readonly name: string;
  readonly path: string;
  readonly salt: number;
  readonly firstSeq: number;
  readonly #file: File;
  readonly #preallocateBytes: number;
  /** The size that a segment should not exceed; zeros are not written beyond it. */
  readonly #targetBytes: number;
  #endBytes: number;
  #fileBytes: number;

  constructor(options: {
    readonly name: string;
    readonly file: File;
    readonly salt: number;
    readonly firstSeq: number;
    readonly endBytes: number;
    readonly targetBytes: number;
    readonly preallocateBytes: number;
    readonly path: string;
  }) {
    this.name = options.name;
    this.path = options.path;
    this.#file = options.file;
    this.salt = options.salt;
    this.firstSeq = options.firstSeq;
    this.#endBytes = options.endBytes;
    this.#fileBytes = options.file.sizeSync();
    this.#targetBytes = options.targetBytes;
    this.#preallocateBytes = Math.min(options.preallocateBytes, ZEROS.length);
    assert(this.#endBytes <= this.#fileBytes, 'a segment ends within its file');
  }

  /** Up to the end of the last record. */
  get endBytes(): number {
    return this.#endBytes;
  }

  /** Of the file, with the zeros ahead. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  get file(): File {
    return this.#file;
  }

  /** Writes at the end; not durable before the file is synced. `parts` may be appended to. */
  write(parts: Uint8Array[], bytes: number): void {
    const end = this.#endBytes + bytes;
    let padding = 0;
    if (end > this.#fileBytes) {
      padding = Math.max(0, Math.min(this.#preallocateBytes, this.#targetBytes - end));
      if (padding > 0) parts.push(ZEROS.subarray(0, padding));
    }
    this.#file.writevSync(parts, this.#endBytes);
    this.#endBytes = end;
    this.#fileBytes = Math.max(this.#fileBytes, end + padding);
  }

  /** Gives back the zeros: nothing more will be written. Durable with the next sync. */
  trim(): void {
    if (this.#fileBytes === this.#endBytes) return;
    this.#file.truncateSync(this.#endBytes);
    this.#fileBytes = this.#endBytes;
  }
}

export interface NewSegment {
  readonly name: string;
  readonly path: string;
  readonly temporaryPath: string;
  readonly file: File;
  readonly salt: number;
  readonly bytes: number;
}

/**
 * Writes the header of a new segment under a temporary name. The caller syncs the file, then renames it, then syncs
 * the folder, in this order (raft.md W4): a segment that has its name has its header.
 */
export function createSegmentFile(fs: FileSystem, dir: string, header: SegmentHeader, durableSeq: number): NewSegment {
  const name = segmentName(header.firstSeq);
  const path = `${dir}/${name}`;
  const temporaryPath = `${path}${TEMPORARY_SUFFIX}`;
  const encoder = new UnitEncoder(HEADER_STAGING_BYTES);
  const salt = encoder.segmentHeader(header.firstSeq, durableSeq, encodableHeader(header));
  const file = fs.openSync(temporaryPath, 'create');
  file.writevSync(encoder.parts(), 0);
  return { name, path, temporaryPath, file, salt, bytes: encoder.bytes };
}
