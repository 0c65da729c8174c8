import { systemClock, type Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';

/** Different events remembered at once; beyond it the oldest is forgotten (and may be logged early). */
const EVENTS_MAX = 1024;

interface Repeat {
  untilMs: number;
  suppressed: number;
}

/**
 * A logger that writes each event at most once per `intervalMs`, and says how many similar ones it dropped in between
 * (`suppressed`). Events count as similar when the name and the fields named by `by` are the same: for a hostile or
 * broken peer `by` is `['peer', 'reason']`. Debug lines pass.
 */
export function limitRepeats(
  logger: Logger,
  options: { readonly intervalMs: number; readonly by?: readonly string[]; readonly clock?: Clock },
): Logger {
  const { intervalMs, by = [], clock = systemClock } = options;
  const repeats = new Map<string, Repeat>();
  const limited =
    (level: 'info' | 'warn' | 'error') =>
    (event: string, fields?: Readonly<Record<string, unknown>>): void => {
      const key = JSON.stringify([level, event, ...by.map((name) => String(fields?.[name]))]);
      const nowMs = clock.monotonicMs();
      const repeat = repeats.get(key);
      if (repeat !== undefined && nowMs < repeat.untilMs) {
        repeat.suppressed++;
        return;
      }
      repeats.delete(key); // Set again below as the newest.
      if (repeats.size >= EVENTS_MAX) forgetOldest(repeats);
      repeats.set(key, { untilMs: nowMs + intervalMs, suppressed: 0 });
      const suppressed = repeat?.suppressed ?? 0;
      logger[level](event, suppressed === 0 ? fields : { ...fields, suppressed });
    };
  return {
    debug: (event, fields) => logger.debug(event, fields),
    info: limited('info'),
    warn: limited('warn'),
    error: limited('error'),
  };
}

function forgetOldest(repeats: Map<string, Repeat>): void {
  for (const key of repeats.keys()) {
    repeats.delete(key);
    return;
  }
}
