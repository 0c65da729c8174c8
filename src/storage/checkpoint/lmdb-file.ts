import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';

/** The two meta pages of an LMDB file, as lmdb-js 3.5 writes them (mdb.c: MDB_page_header, MDB_meta). */
const META = { magic: 24, version: 28, pageBytes: 48, lastPage: 144, transaction: 152, end: 160 } as const;
const MAGIC = 0xbeef_c0de;
const VERSION = 2;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;

/**
 * Looks at an LMDB file before LMDB maps it, for a file that is none would end the process with a signal instead of an
 * error. Returns what is wrong, or null. A file that is shorter than it says is lengthened with zeros: LMDB answers a
 * zeroed page with an error, a missing one with SIGBUS. (LMDB need not have written its last pages, so a short file
 * alone proves nothing.)
 */
export function checkLmdbFile(path: string): string | null {
  const fd = openSync(path, 'r+');
  try {
    const { size } = fstatSync(fd);
    const first = readMeta(fd, 0);
    if (first === null) return 'its first page is not one of LMDB';
    const second = readMeta(fd, first.pageBytes);
    if (second === null || second.pageBytes !== first.pageBytes) return 'its second page is not one of LMDB';
    const { lastPage } = first.transaction > second.transaction ? first : second;
    const wholeBytes = (lastPage + 1) * first.pageBytes;
    if (!Number.isSafeInteger(wholeBytes)) return 'its size is impossible';
    if (size < wholeBytes) ftruncateSync(fd, wholeBytes);
    return null;
  } finally {
    closeSync(fd);
  }
}

function readMeta(fd: number, at: number): { pageBytes: number; lastPage: number; transaction: number } | null {
  const bytes = Buffer.alloc(META.end);
  if (readSync(fd, bytes, 0, META.end, at) < META.end) return null;
  if (bytes.readUInt32LE(META.magic) !== MAGIC || bytes.readUInt16LE(META.version) !== VERSION) return null;
  const pageBytes = bytes.readUInt32LE(META.pageBytes);
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) return null;
  const lastPage = Number(bytes.readBigUInt64LE(META.lastPage));
  return { pageBytes, lastPage, transaction: Number(bytes.readBigUInt64LE(META.transaction)) };
}
