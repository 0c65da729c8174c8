/** The Castagnoli polynomial 0x1EDC6F41, bits reversed (RFC 3720 §12.1; also iSCSI, ext4, SSE4.2). */
const POLYNOMIAL = 0x82f63b78;

const TABLES = createTables();

/** Eight tables of 256 words in one flat array: entry 256·k + b is the CRC of byte b followed by k zero bytes. */
function createTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256] as number;
    tables[at] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

/**
 * CRC-32C of bytes [start, end), as an unsigned 32-bit number. `seed` is the result for the bytes before these, so that
 * pieces chain: `crc32c(b, 0, n) === crc32c(b, m, n, crc32c(b, 0, m))`. Bounds are the caller's duty:
 * 0 <= start <= end <= bytes.length.
 *
 * Slicing-by-8 (Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC Generators",
 * 2005): eight bytes and eight independent look-ups per step.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const t = TABLES;
  let crc = ~seed;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t[1792 + (low & 0xff)] as number) ^
      (t[1536 + ((low >>> 8) & 0xff)] as number) ^
      (t[1280 + ((low >>> 16) & 0xff)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (bytes[at + 4] as number)] as number) ^
      (t[512 + (bytes[at + 5] as number)] as number) ^
      (t[256 + (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
