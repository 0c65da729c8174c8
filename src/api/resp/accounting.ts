import type { Router } from '../../replica/router.js';

type Outcome = 'ok' | 'rejected' | 'unknown';

/**
 * Counts answered commands. Commands of one chunk start together and are answered together at the end of a turn: one
 * look at the clock serves all of them.
 */
export class Accounting {
  readonly #router: Router;
  #operations: string[] = [];
  #outcomes: Outcome[] = [];
  #startedMs: number[] = [];
  #counts: number[] = [];

  constructor(router: Router) {
    this.#router = router;
  }

  answered(operation: string, outcome: Outcome, startedMs: number): void {
    const last = this.#counts.length - 1;
    if (
      last >= 0 &&
      this.#operations[last] === operation &&
      this.#outcomes[last] === outcome &&
      this.#startedMs[last] === startedMs
    ) {
      this.#counts[last] = (this.#counts[last] as number) + 1;
      return;
    }
    this.#operations.push(operation);
    this.#outcomes.push(outcome);
    this.#startedMs.push(startedMs);
    this.#counts.push(1);
  }

  /** The replies leave now. */
  flush(nowMs: number): void {
    for (let at = 0; at < this.#counts.length; at++) {
      const tookMs = nowMs - (this.#startedMs[at] as number);
      for (let count = this.#counts[at] as number; count > 0; count--) {
        this.#router.observeRequest('resp', this.#operations[at] as string, this.#outcomes[at] as Outcome, tookMs);
      }
    }
    this.#operations.length = 0;
    this.#outcomes.length = 0;
    this.#startedMs.length = 0;
    this.#counts.length = 0;
  }
}
