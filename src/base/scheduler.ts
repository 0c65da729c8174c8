/** Where turns and timers come from, so that the simulator can own them (design: I/O and time live at the edge). */
export interface Scheduler {
  /** Runs `task` once, after the I/O that is ready now has been delivered. */
  nextTurn(task: () => void): void;
  /** Runs `task` about every `intervalMs` until the returned function is called. */
  every(intervalMs: number, task: () => void): () => void;
  /** Runs `task` once after `delayMs` unless the returned function is called first. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemScheduler: Scheduler = {
  nextTurn: (task) => {
    setImmediate(task);
  },
  every: (intervalMs, task) => {
    const timer = setInterval(task, intervalMs);
    return () => clearInterval(timer);
  },
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** As systemScheduler, for work that nobody waits for: a process need not live on for it. */
export const backgroundScheduler: Scheduler = {
  ...systemScheduler,
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
