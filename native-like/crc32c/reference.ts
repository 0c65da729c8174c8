/** CRC-32C bit by bit, straight from the definition. Same contract as `crc32c` in index.ts. */
export function crc32cReference(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let crc = (seed ^ 0xffffffff) >>> 0;
  for (const byte of bytes.subarray(start, end)) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = crc % 2 === 1 ? ((crc >>> 1) ^ 0x82f63b78) >>> 0 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
