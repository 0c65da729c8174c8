import { crc32 } from 'node:zlib';
import { KvorumError } from '../../base/errors/error.js';

/**
 * A stored value: u32 crc (little endian) | bytes. The checksum covers the key as well, so that a value under the key
 * of another record is noticed too. LMDB itself has no checksums (reliability.md §0.5: damage is found, not served).
 */
const CRC_BYTES = 4;
/** Most records fit; a larger one gets a buffer of its own. */
const SCRATCH_BYTES = 64 * 1024;
/** Characters of a key that an error shows, as hex. */
const SHOWN_KEY_CHARS = 32;

const scratch = Buffer.alloc(SCRATCH_BYTES);

/** The stored form. Valid until the next call: the caller's put copies it at once. */
export function sealRecord(key: string, value: Uint8Array): Buffer {
  const bytes = CRC_BYTES + value.length;
  const target = bytes <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(bytes);
  target.set(value, CRC_BYTES);
  const record = target.subarray(0, bytes);
  record.writeUInt32LE(checksum(key, record), 0);
  return record;
}

/** The value within `record`, not copied. Throws checkpoint_corrupt, which names the file and the key. */
export function openRecord(path: string, key: string, record: Buffer): Buffer {
  if (record.length < CRC_BYTES) throw damaged(path, key, 'is too short');
  if (checksum(key, record) !== record.readUInt32LE(0)) throw damaged(path, key, 'has a wrong checksum');
  return record.subarray(CRC_BYTES);
}

export function damaged(path: string, key: string, what: string): KvorumError {
  const hex = Buffer.from(key.slice(0, SHOWN_KEY_CHARS), 'latin1').toString('hex');
  const shown = key.length > SHOWN_KEY_CHARS ? `${hex}… (${key.length} bytes)` : hex;
  return new KvorumError('checkpoint_corrupt', `${path}: the record of key 0x${shown} ${what}`);
}

/** Keys have one char per byte; that the checksum sees chars above 0x7f as two bytes does no harm. */
function checksum(key: string, record: Buffer): number {
  return crc32(record.subarray(CRC_BYTES), crc32(key));
}
