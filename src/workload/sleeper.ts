import { workerData } from 'node:worker_threads';
import { sharedNowMs, type SleeperData } from './waker.js';

/** A thread that does nothing but sleep until a given time, and then says so (waker.ts). */

/** The kernel lets sleepers oversleep by about this much: the last bit is waited for awake. */
const SLACK_MS = 0.06;

const { cells, port } = workerData as SleeperData;
const turn = new Int32Array(cells, 0, 1);
const target = new Float64Array(cells, 8, 1);

for (let seen = 0; ;) {
  Atomics.wait(turn, 0, seen); // Until there is something new.
  seen = Atomics.load(turn, 0);
  if (sleepUntilDue(seen)) port.postMessage(seen);
}

/** False: another time was asked for meanwhile. */
function sleepUntilDue(current: number): boolean {
  for (;;) {
    const leftMs = (target[0] ?? 0) - sharedNowMs();
    if (leftMs <= 0) return true;
    if (leftMs > SLACK_MS && Atomics.wait(turn, 0, current, leftMs - SLACK_MS) !== 'timed-out') return false;
    if (Atomics.load(turn, 0) !== current) return false;
  }
}
