/** Where time comes from. Pure layers get ticks; everything else gets a Clock, so that the simulator can own time. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. For timers, leases and latencies. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as the wall says; may jump. For logs only. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
