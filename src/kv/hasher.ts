const UINT32 = 0x1_0000_0000;

/** A 64-bit hash in two lanes (the mixing of cyrb53). Finds accidents and misuse; not for secrets, not against attack. */
export class Hasher {
  #high = 0xdeadbeef | 0;
  #low = 0x41c6ce57 | 0;

  #mix(unit: number): void {
    this.#high = Math.imul(this.#high ^ unit, 0x9e3779b1);
    this.#low = Math.imul(this.#low ^ unit, 0x5f356495);
  }

  bytes(source: Uint8Array, start = 0, end = source.length): void {
    this.number(end - start);
    let high = this.#high;
    let low = this.#low;
    for (let at = start; at < end; at++) {
      const byte = source[at] as number;
      high = Math.imul(high ^ byte, 0x9e3779b1);
      low = Math.imul(low ^ byte, 0x5f356495);
    }
    this.#high = high;
    this.#low = low;
  }

  text(text: string): void {
    this.number(text.length);
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
  }

  /** A safe non-negative integer. */
  number(value: number): void {
    this.#mix(value | 0);
    this.#mix((value / UINT32) | 0);
  }

  #finish(): readonly [high: number, low: number] {
    let high = Math.imul(this.#high ^ (this.#high >>> 16), 0x85ebca6b);
    high ^= Math.imul(this.#low ^ (this.#low >>> 13), 0xc2b2ae35);
    let low = Math.imul(this.#low ^ (this.#low >>> 16), 0x85ebca6b);
    low ^= Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
    return [high >>> 0, low >>> 0];
  }

  /** 53 bits of the hash, as a safe integer. */
  uint53(): number {
    const [high, low] = this.#finish();
    return (high & 0x1f_ffff) * UINT32 + low;
  }

  /** The hash as 16 hex digits. */
  hex(): string {
    return this.#finish()
      .map((lane) => lane.toString(16).padStart(8, '0'))
      .join('');
  }
}
