import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';

const INTERVAL_MS = 60_000;
/** Peers times reasons; beyond it everything is logged under one key. */
const KEYS_MAX = 4096;

/** Warns once per peer and reason per minute (reliability.md §2.0), and says how many lines were left out since. */
export class ReasonLog {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly last = new Map<string, { atMs: number; suppressed: number }>();

  constructor(logger: Logger, clock: Clock) {
    this.logger = logger;
    this.clock = clock;
  }

  /** `peer` must come from a bounded set: a configured id, or one word for all strangers. */
  warn(event: string, peer: string, reason: string, fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.clock.monotonicMs();
    const wanted = `${peer} ${reason} ${event}`;
    const key = this.last.has(wanted) || this.last.size < KEYS_MAX ? wanted : 'other';
    const entry = this.last.get(key);
    if (entry && nowMs - entry.atMs < INTERVAL_MS) {
      entry.suppressed++;
      return;
    }
    const suppressed = entry?.suppressed ?? 0;
    this.last.set(key, { atMs: nowMs, suppressed: 0 });
    this.logger.warn(event, { peer, reason, ...fields, ...(suppressed > 0 && { suppressed }) });
  }

  info(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.logger.info(event, fields);
  }
}
