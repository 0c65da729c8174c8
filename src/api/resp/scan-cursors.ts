import type { KeyString } from '../../kv/types.js';

/** More scans than this at the same time, and the oldest ends. */
const CURSORS_MAX = 10_000;

interface Place {
  readonly keyspace: string;
  readonly next: KeyString;
}

/**
 * Where scans go on. Redis' cursors are numbers, keys are not: the server remembers which key a number stands for. A
 * cursor may be used again, and on any connection, for as long as it is among the newest.
 */
export class ScanCursors {
  readonly #places = new Map<number, Place>();
  #last = 0;

  add(keyspace: string, next: KeyString): number {
    this.#places.set(++this.#last, { keyspace, next });
    const [oldest] = this.#places.keys();
    if (this.#places.size > CURSORS_MAX && oldest !== undefined) this.#places.delete(oldest);
    return this.#last;
  }

  find(cursor: number, keyspace: string): KeyString | undefined {
    const place = this.#places.get(cursor);
    return place?.keyspace === keyspace ? place.next : undefined;
  }
}
