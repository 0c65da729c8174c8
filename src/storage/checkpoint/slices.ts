/** How long one slice of a checkpoint may hold the event loop: far below a heartbeat. */
const SLICE_MS = 1;
/** Changes between two looks at the clock. */
const CHECK_EVERY = 32;

/** Calls `take` for each item, leaving the event loop free after every millisecond of work. */
export async function inSlices<T>(items: Iterable<T>, take: (item: T) => void): Promise<void> {
  let untilMs = performance.now() + SLICE_MS;
  let count = 0;
  for (const item of items) {
    take(item);
    if (++count % CHECK_EVERY !== 0 || performance.now() < untilMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    untilMs = performance.now() + SLICE_MS;
  }
}
