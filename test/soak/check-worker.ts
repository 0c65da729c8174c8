import { parentPort } from 'node:worker_threads';
import { assertDefined } from '../../src/base/assert.js';
import type { Operation, Verdict } from '../../src/check/index.js';
import { check } from '../cluster/faults/verify.js';

/** A thread that decides about one epoch after the other, so that a hard one does not hold up clients and proxies. */
export interface CheckRequest {
  readonly epoch: number;
  readonly operations: readonly Operation[];
}

export interface CheckAnswer {
  readonly epoch: number;
  readonly verdict: Verdict;
  readonly operations: number;
  readonly tookMs: number;
  /** What is not linearizable, on one key. */
  readonly violation: readonly Operation[];
}

const port = assertDefined(parentPort, 'this runs in a thread');
port.on('message', ({ epoch, operations }: CheckRequest) => {
  const startMs = performance.now();
  const { verdict, violation } = check(operations);
  const answer: CheckAnswer = {
    epoch,
    verdict,
    operations: operations.length,
    tookMs: Math.round(performance.now() - startMs),
    violation: violation?.operations ?? [],
  };
  port.postMessage(answer);
});
