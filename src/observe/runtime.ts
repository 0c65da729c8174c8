import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { MetricSink } from './metrics.js';

const NANOSECONDS = 1e9;
const MILLISECONDS = 1e3;
/** How often the lateness of timers is sampled: fine enough for a p99, coarse enough to cost nothing. */
const RESOLUTION_MS = 20;

export interface RuntimeProbe {
  collect(sink: MetricSink): void;
  close(): void;
}

/** Watches the event loop and the memory of this thread. */
export function observeRuntime(): RuntimeProbe {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  const lag = (nanoseconds: number): number => {
    const late = nanoseconds / NANOSECONDS - RESOLUTION_MS / MILLISECONDS;
    return Number.isFinite(late) ? Math.max(0, late) : 0; // NaN before the first sample.
  };
  return {
    collect: (sink) => {
      sink.set('kvorum_event_loop_lag_seconds', lag(delay.mean), { stat: 'mean' });
      sink.set('kvorum_event_loop_lag_seconds', lag(delay.percentile(50)), { stat: 'p50' });
      sink.set('kvorum_event_loop_lag_seconds', lag(delay.percentile(99)), { stat: 'p99' });
      sink.set('kvorum_event_loop_lag_seconds', lag(delay.max), { stat: 'max' });
      delay.reset();
      const now = performance.eventLoopUtilization();
      sink.set('kvorum_event_loop_utilization_ratio', performance.eventLoopUtilization(now, before).utilization);
      before = now;
      collectMemory(sink);
    },
    close: () => {
      delay.disable();
    },
  };
}

function collectMemory(sink: MetricSink): void {
  const { heapUsed, heapTotal, external, arrayBuffers, rss } = process.memoryUsage();
  sink.set('kvorum_heap_bytes', heapUsed, { kind: 'used' });
  sink.set('kvorum_heap_bytes', heapTotal, { kind: 'total' });
  sink.set('kvorum_heap_bytes', external, { kind: 'external' });
  sink.set('kvorum_heap_bytes', arrayBuffers, { kind: 'array_buffers' });
  sink.set('kvorum_process_resident_bytes', rss);
}
