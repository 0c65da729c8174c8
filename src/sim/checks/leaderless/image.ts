import { parseOriginLog, type GroupId, type OriginId } from '../../../base/brand.js';
import type { Dot, Vector } from '../../../base/dot.js';
import { decodeBatch } from '../../../engines/leaderless/batch-codec.js';
import { decodeDottedMeta } from '../../../kv/dotted/meta.js';
import type { CheckpointMark, RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { Violation } from '../../world/types.js';

/** One origin's log on one disk: everything up to `base` is cut away, and follows without a gap up to `last`. */
interface LogImage {
  base: number;
  last: number;
}

/**
 * What the disk of one process holds of a leaderless group, rebuilt from what became durable: its own reading of the logs
 * and of the checkpoint, independent of what the member believes.
 */
export class LeaderlessImage {
  /** Everything that the last checkpoint holds. */
  checkpoint: Vector = new Map();
  /** The highest Lamport counter on this disk. */
  counter = 0;
  readonly #owner: string;
  readonly #logs = new Map<OriginId, LogImage>();

  constructor(owner: string) {
    this.#owner = owner;
  }

  /** How far this disk has everything of `origin`. */
  seqOf(origin: OriginId): number {
    return Math.max(this.#logs.get(origin)?.last ?? 0, this.checkpoint.get(origin) ?? 0);
  }

  covers({ origin, seq }: Dot): boolean {
    return this.seqOf(origin) >= seq;
  }

  get origins(): Iterable<OriginId> {
    return new Set([...this.#logs.keys(), ...this.checkpoint.keys()]);
  }

  /** Throws Violation: a log has a gap, or was cut beyond its checkpoint (ap.md §1.0.3). */
  apply(record: StoredRecord): void {
    const origin = parseOriginLog(record.group)?.origin;
    if (origin === undefined) return;
    const log = this.#of(origin);
    switch (record.kind) {
      case 'entry':
        this.#append(origin, log, record.entry.index, record.entry.payload);
        return;
      case 'checkpoint':
        if (record.index > log.last) this.#restart(origin, log, record.index);
        return;
      case 'cut':
        this.#cut(origin, log, record.index);
        return;
      case 'hardState':
        throw new Violation('origin-logs', `the log of ${origin} on the disk of ${this.#owner} has a vote in it`);
    }
  }

  onCheckpoint({ meta }: CheckpointMark): void {
    const { counter, vector } = decodeDottedMeta(meta);
    const lower = [...this.checkpoint].find(([origin, seq]) => seq > (vector.get(origin) ?? 0));
    if (lower !== undefined) {
      const now = vector.get(lower[0]) ?? 0;
      throw new Violation(
        'checkpoint-vector',
        `a checkpoint of ${this.#owner} holds ${lower[0]} up to ${now}; the one before held ${lower[1]}`,
      );
    }
    this.checkpoint = vector;
    this.counter = Math.max(this.counter, counter);
  }

  /** Takes over what recovery found, which the world compares with what was durable. */
  recover(recovered: ReadonlyMap<GroupId, RecoveredGroup>): void {
    this.#logs.clear();
    for (const [group, { baseIndex, entries }] of recovered) {
      const origin = parseOriginLog(group)?.origin;
      if (origin === undefined) continue;
      const log = this.#of(origin);
      log.base = baseIndex;
      log.last = baseIndex;
      for (const { index, payload } of entries) this.#append(origin, log, index, payload);
    }
  }

  #of(origin: OriginId): LogImage {
    let log = this.#logs.get(origin);
    if (log === undefined) {
      log = { base: 0, last: 0 };
      this.#logs.set(origin, log);
    }
    return log;
  }

  #append(origin: OriginId, log: LogImage, index: number, payload: Uint8Array): void {
    if (index !== log.last + 1) {
      throw new Violation(
        'prefix-property',
        `the disk of ${this.#owner} has ${index} of ${origin} after ${log.last} (and everything up to ${log.base} cut)`,
      );
    }
    log.last = index;
    const batch = decodeBatch(payload);
    if (batch !== null) this.counter = Math.max(this.counter, batch.counter + batch.commands - 1);
  }

  #restart(origin: OriginId, log: LogImage, index: number): void {
    this.#mustHold(origin, index, 'its log begins after');
    log.base = index;
    log.last = index;
  }

  #cut(origin: OriginId, log: LogImage, index: number): void {
    if (index <= log.base) return;
    this.#mustHold(origin, index, 'its log is cut up to');
    log.base = index;
    log.last = Math.max(log.last, index);
  }

  #mustHold(origin: OriginId, index: number, what: string): void {
    const held = this.checkpoint.get(origin) ?? 0;
    if (index <= held) return;
    throw new Violation(
      'checkpoint-holds-what-is-cut',
      `${this.#owner}: ${what} ${index} of ${origin}; its checkpoint holds ${held}`,
    );
  }
}
