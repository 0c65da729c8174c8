import { assert, assertDefined } from '../base/assert.js';
import type { Model } from './model.js';
import type { Operation, Value } from './operation.js';

/** The key is absent. */
export const ABSENT = 0;
/**
 * A value that nothing will ever see: no read returned it, no cas compares with it, and no append turns it into one of
 * those. All such values behave alike until they are overwritten, so that they are one state. This is exact, not an
 * approximation: every operation only asks whether the state equals a value that is compared somewhere.
 */
export const DEAD = 1;
export const FIRST_LIVE = 2;
/** Characters that isNeverSeen looks through for one key. */
const SCAN_CHARS_MAX = 100_000_000;
/** More tokens than a history may have operations. */
const TOKENS_MAX = 2 ** 24;

export interface Range {
  readonly first: number;
  readonly end: number;
}

/** The values of one key as small integers. */
export class States {
  /** Every string that an operation compares the value with: what was read, and what a cas expects. */
  readonly compared: readonly string[];
  readonly #model: Model;
  /** How many operations append. */
  readonly #appends: number;
  #longest: readonly string[] | null = null;
  #longestChars: number | null = null;
  readonly #ids = new Map<string, number>();
  /** Text by id - FIRST_LIVE. */
  readonly #texts: string[] = [];
  readonly #tokens: string[] = [];
  readonly #growths = new Map<number, Range>();
  readonly #tokenIds = new Map<string, number>();
  /** Results of appends, by state and token. */
  readonly #appended = new Map<number, number>();

  constructor(operations: readonly Operation[], model: Model) {
    this.#model = model;
    const compared = new Set<string>();
    let appends = 0;
    for (const { expected = null, kind, value } of operations) {
      if (kind === 'append') appends++;
      const text = kind === 'get' ? model.normalise(value) : kind === 'cas' ? model.normalise(expected) : null;
      if (text !== null) compared.add(text);
    }
    this.#appends = appends;
    this.compared = appends > 0 ? [...compared].sort() : [...compared];
    for (const text of this.compared) this.#intern(text);
  }

  get hasAppends(): boolean {
    return this.#appends > 0;
  }

  /** One more than the largest number of a state so far; values that are compared have smaller ones from the start. */
  get count(): number {
    return this.#texts.length + FIRST_LIVE;
  }

  get initial(): number {
    return this.idOf(this.#model.initial);
  }

  /** ABSENT, DEAD, or the number of a value that may be seen. */
  idOf(value: Value): number {
    const text = this.#model.normalise(value);
    if (text === null) return ABSENT;
    const id = this.#ids.get(text);
    if (id !== undefined) return id;
    return this.#appends > 0 && this.#isPrefix(text) ? this.#intern(text) : DEAD;
  }

  tokenOf(token: string): number {
    let id = this.#tokenIds.get(token);
    if (id !== undefined) return id;
    id = this.#tokens.push(token) - 1;
    assert(id < TOKENS_MAX, 'tokens are numbered in 24 bits');
    this.#tokenIds.set(token, id);
    return id;
  }

  append(state: number, token: number): number {
    if (state === DEAD) return DEAD; // What begins with something that nothing begins with is such a thing itself.
    const transition = state * TOKENS_MAX + token;
    let next = this.#appended.get(transition);
    if (next === undefined) {
      const text = state === ABSENT ? '' : assertDefined(this.#texts[state - FIRST_LIVE], 'a live state has a text');
      next = this.idOf(text + assertDefined(this.#tokens[token], 'a token is known'));
      this.#appended.set(transition, next);
    }
    return next;
  }

  /**
   * True when no compared string holds `token`, so that to append it leads nowhere but to DEAD. False without looking
   * when that is too much work for all the appends together, which is always safe to say.
   */
  isNeverSeen(token: string): boolean {
    // What others begin with holds nothing that they do not hold.
    this.#longest ??= this.compared.filter((text, at) => this.compared[at + 1]?.startsWith(text) !== true);
    this.#longestChars ??= this.#longest.reduce((sum, text) => sum + text.length, 0);
    if (token === '' || this.#appends * this.#longestChars > SCAN_CHARS_MAX) return false;
    return !this.#longest.some((text) => text.includes(token));
  }

  /** The tokens so far that an append may lead to `state` with. */
  suffixesOf(state: number, lengths: readonly number[]): number[] {
    const text = this.#texts[state - FIRST_LIVE];
    if (text === undefined) return [];
    const tokens = lengths.map((length) => this.#tokenIds.get(text.slice(text.length - length)));
    return [...new Set(tokens)].filter((token) => token !== undefined);
  }

  /** The lengths of the tokens so far. */
  tokenLengths(): number[] {
    return [...new Set(this.#tokens.map((token) => token.length))];
  }

  get tokenCount(): number {
    return this.#tokens.length;
  }

  #intern(text: string): number {
    const id = this.#texts.push(text) - 1 + FIRST_LIVE;
    this.#ids.set(text, id);
    return id;
  }

  #isPrefix(text: string): boolean {
    return this.compared[this.#firstFrom((other) => other < text)]?.startsWith(text) === true;
  }

  /**
   * The compared states that `state` can grow into by appends, itself included: from `first` up to, not including, `end`.
   * Strings that begin alike are neighbours in the order of code units, and states are numbered in that order.
   */
  growthOf(state: number): Range {
    if (this.#appends === 0) return { first: state, end: state + 1 };
    let range = this.#growths.get(state);
    if (range === undefined) {
      const text = assertDefined(this.#texts[state - FIRST_LIVE], 'a live state has a text');
      const first = this.#firstFrom((other) => other < text) + FIRST_LIVE;
      range = { first, end: this.#firstFrom((other) => other < text || other.startsWith(text)) + FIRST_LIVE };
      this.#growths.set(state, range);
    }
    return range;
  }

  /** The index of the first compared string that is not `before`; all that are stand at the front. */
  #firstFrom(before: (text: string) => boolean): number {
    let low = 0;
    let high = this.compared.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(this.compared[middle] as string)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
