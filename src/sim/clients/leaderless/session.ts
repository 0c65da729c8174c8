import type { OriginId } from '../../../base/brand.js';
import { covers, type Dot } from '../../../base/dot.js';
import type { Seen } from '../../../replica/router.js';

/** What a client has seen, merged as the HTTP layer merges its tokens (ap.md §1.2.4). */
export class ClientSession {
  readonly #dots = new Map<OriginId, number>();
  #counter = 0;

  get seen(): Seen {
    return { dots: [...this.#dots].map(([origin, seq]) => ({ origin, seq })), counter: this.#counter };
  }

  merge(dots: readonly Dot[], counter: number): void {
    for (const { origin, seq } of dots) if (seq > (this.#dots.get(origin) ?? 0)) this.#dots.set(origin, seq);
    this.#counter = Math.max(this.#counter, counter);
  }

  covers(dot: Dot): boolean {
    return covers(this.#dots, dot);
  }
}
