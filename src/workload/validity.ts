import type { ThreadLoad } from './job.js';
import type { WorkloadSettings } from './settings.js';

/** Why the figures of a run are not those of the store. */
export interface Invalidity {
  readonly reason: 'generator_busy' | 'generator_delayed' | 'rate_not_kept';
  readonly text: string;
}

/** Beyond these the generator measures itself. */
export const VALIDITY = {
  /** Share of a thread's time with work. */
  busyMax: 0.95,
  /** How busy a thread is says nothing of a shorter run: it still compiles its code. */
  judgedMsMin: 300,
  /** Lateness of a timer: longer than any latency that would still be called good. */
  delayP99MaxMs: 50,
  /** Open loop: this share of the operations that were due has to be sent before the end. */
  sentShareMin: 0.99,
} as const;

export interface JudgedRun {
  readonly threads: readonly ThreadLoad[];
  readonly elapsedMs: number;
  readonly waitingAtEnd: number;
  readonly dropped: number;
}

/** Empty when the run is valid. */
export function judge({ rate }: WorkloadSettings, run: JudgedRun): Invalidity[] {
  const found: Invalidity[] = [];
  const busy = Math.max(...run.threads.map((thread) => thread.busy));
  const delayMs = Math.max(...run.threads.map((thread) => thread.delayP99Ms ?? 0));
  if (busy > VALIDITY.busyMax && run.elapsedMs >= VALIDITY.judgedMsMin) {
    const text =
      `a generator thread was busy for ${percent(busy)} of the time (at most ${percent(VALIDITY.busyMax)}): it could ` +
      'not have sent more, whatever the store can do; use more --threads, or a machine of its own';
    found.push({ reason: 'generator_busy', text });
  }
  if (delayMs > VALIDITY.delayP99MaxMs) {
    const text =
      `a generator thread was held up for ${delayMs.toFixed(0)} ms (p99, at most ${VALIDITY.delayP99MaxMs} ms): answers ` +
      'waited for it, and latencies are its own; give it cores of its own, or fewer requests in flight';
    found.push({ reason: 'generator_delayed', text });
  }
  const due = rate === null ? 0 : Math.max(1, (rate * run.elapsedMs) / 1000);
  if (rate !== null && (run.dropped > 0 || run.waitingAtEnd > due * (1 - VALIDITY.sentShareMin))) {
    const text =
      `the rate of ${rate}/s was not kept: ${run.waitingAtEnd} operations were due and not sent at the end, ` +
      `${run.dropped} were dropped; lower --rate, or raise --clients or --pipeline if the store can do more`;
    found.push({ reason: 'rate_not_kept', text });
  }
  return found;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
