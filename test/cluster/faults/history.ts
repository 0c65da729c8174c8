import type { Operation } from '../../../src/check/operation.js';

/** What a client is about to do. */
export type Intent = Pick<Operation, 'kind' | 'key' | 'value' | 'expected'>;

/** What became of it, as the client knows it. */
export interface Ending {
  readonly outcome: Operation['outcome'];
  /** What was read. */
  readonly value?: string | null;
  /** Whether there was something to delete. */
  readonly existed?: boolean;
  /** Error code, for the statistics. */
  readonly code?: string;
}

let lastTime = 0;

/** Nanoseconds; no two events have the same, so that the order in which they were recorded is the order of the times. */
function now(): number {
  lastTime = Math.max(lastTime + 1, Math.round(performance.now() * 1e6));
  return lastTime;
}

/** Everything that clients did to the keys of one epoch. */
export class History {
  readonly operations: Operation[] = [];

  /** Call before the request is sent; call the answer's function when it has arrived. */
  begin(client: number, intent: Intent): (ending: Ending) => void {
    const call = now();
    return (ending) => {
      // What certainly did not happen, and a read without an answer, say nothing (reliability.md §4.2).
      if (ending.outcome === 'failed' || (intent.kind === 'get' && ending.outcome === 'unknown')) return;
      const { existed } = ending;
      this.operations.push({
        client,
        kind: intent.kind,
        key: intent.key,
        value: intent.kind === 'get' ? (ending.value ?? null) : intent.value,
        ...(intent.expected === undefined ? {} : { expected: intent.expected }),
        ...(existed === undefined ? {} : { existed }),
        call,
        return: ending.outcome === 'unknown' ? null : now(),
        outcome: ending.outcome,
      });
    };
  }
}
