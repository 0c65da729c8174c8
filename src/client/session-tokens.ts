/** More requests than this at the same time, and what the oldest of them saw is forgotten. */
const TOKENS_MAX = 32;
/** Headers of one request are limited; tokens beyond it are left out, the oldest first. */
const HEADER_CHARACTERS_MAX = 8192;

/**
 * What a client has seen, as its replicas told it. An answer's token holds what its request was sent with: with requests
 * one after another there is one token. Answers to requests at the same time know nothing of each other; their tokens are
 * kept side by side, until an answer to a request that was sent with all of them.
 */
export class SessionTokens {
  #tokens: readonly string[];

  constructor(token: string | null) {
    this.#tokens = token === null ? [] : splitTokens(token);
  }

  /** For the next request: X-Kvorum-Session, and for `received`. Null: nothing was seen yet. */
  get header(): string | null {
    return this.#tokens.length === 0 ? null : this.#tokens.join(',');
  }

  /** `sent`: the header of the request that was answered with `token`. */
  received(sent: string | null, token: string): void {
    const superseded = new Set([...splitTokens(sent ?? ''), token]);
    const kept = [token];
    let characters = token.length;
    for (const other of this.#tokens) {
      characters += other.length + 1;
      if (kept.length < TOKENS_MAX && characters <= HEADER_CHARACTERS_MAX && !superseded.has(other)) kept.push(other);
    }
    this.#tokens = kept;
  }

  forget(): void {
    this.#tokens = [];
  }
}

function splitTokens(header: string): readonly string[] {
  return header
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');
}
