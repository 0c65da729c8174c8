import { crc32c } from '../../../../native-like/crc32c/index.js';
import { BATCH_SIBLINGS_MAX } from '../../../kv/dotted/merge.js';
import type { OriginId } from '../../../base/brand.js';
import { compareTimestamps, covers, type Dot, type Timestamp, type Vector } from '../../../base/dot.js';
import { decodeBatch as decodeOriginBatch } from '../../../engines/leaderless/batch-codec.js';
import { decodeBatch as decodeCommands } from '../../../kv/index.js';
import { Violation } from '../../world/types.js';

/** One command, as whoever can see everything knows it. */
export interface KnownWrite extends Timestamp {
  readonly dot: Dot;
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** Null: a delete. */
  readonly value: string | null;
  readonly expiresAtMs: number | null;
  /** What it replaces where siblings are kept; null: nothing, and of a delete everything that its writer had. */
  readonly context: readonly Dot[] | null;
}

/** One position of one origin's log. */
export interface KnownBatch {
  readonly dot: Dot;
  readonly boot: number;
  readonly counter: number;
  readonly commands: number;
  readonly crc: number;
  readonly bytes: number;
  /** What it depends on, itself left out: of the engine `causal` as its origin says, of `lww` the origin's own log. */
  readonly dependencies: Vector;
  readonly writes: readonly KnownWrite[];
}

/** A clock beyond what any run can count to: it was told by somebody who lied. */
const COUNTER_MAX = 2 ** 40;

/**
 * Everything that was ever written, from the moment when it was first seen on a disk or on a link. No replica knows that
 * much; what a replica shows is judged by it.
 */
export class Truth {
  /** Batches seen so far. */
  count = 0;
  /** Told of every batch when it is first seen. */
  onNew: (batch: KnownBatch) => void = () => undefined;
  /** Told before that is a violation; may throw Excused. */
  onReused: (origin: OriginId) => void = () => undefined;
  readonly #batches = new Map<OriginId, Map<number, KnownBatch>>();
  readonly #byKey = new Map<string, KnownWrite[]>();
  /** Bytes that were compared: members relay the same ones again and again. */
  readonly #seen = new WeakSet<Uint8Array>();
  /** Positions that nobody has any more: disks were destroyed (`lose`). With what had stood there. */
  readonly #lost = new Map<string, KnownBatch | undefined>();

  get keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  get origins(): Iterable<OriginId> {
    return this.#batches.keys();
  }

  batch({ origin, seq }: Dot): KnownBatch | undefined {
    return this.#batches.get(origin)?.get(seq);
  }

  /** A batch as somebody has it: a dot names the same bytes for ever (ap.md §1.0.2). Throws Violation. */
  see(encoded: Uint8Array, who: string): void {
    if (this.#seen.has(encoded)) return;
    const header = decodeOriginBatch(encoded);
    if (header === null) throw new Violation('batches-decode', `${who} has a batch that cannot be read`);
    this.#seen.add(encoded);
    const { boot, commands, counter, origin, payload, seq } = header;
    const crc = crc32c(encoded, 0, encoded.length);
    const log = this.#batches.get(origin) ?? new Map<number, KnownBatch>();
    this.#batches.set(origin, log);
    const known = log.get(seq);
    if (known !== undefined) {
      if (known.crc === crc) return;
      this.onReused(origin);
      throw new Violation('dot-names-one-batch', `${who} has another batch as ${origin}:${seq} than was there before`);
    }
    const before = log.get(seq - 1);
    const dependencies = new Map(before?.dependencies);
    for (const dot of header.dependencies) dependencies.set(dot.origin, dot.seq);
    if (seq > 1) dependencies.set(origin, seq - 1);
    const writes = writesOf(origin, seq, counter, payload);
    const batch: KnownBatch = {
      dot: { origin, seq },
      boot,
      counter,
      commands,
      crc,
      bytes: encoded.length,
      dependencies,
      writes,
    };
    checkClock(batch, before, log.get(seq + 1), who);
    log.set(seq, batch);
    this.count++;
    for (const write of writes) this.#insert(write);
    this.onNew(batch);
  }

  #insert(write: KnownWrite): void {
    const all = this.#byKey.get(write.key) ?? [];
    this.#byKey.set(write.key, all);
    let at = all.length;
    while (at > 0 && compareTimestamps(all[at - 1] as KnownWrite, write) > 0) at--;
    all.splice(at, 0, write);
  }

  /** What was on no other disk is gone: nobody can be blamed for not having it. */
  lose(dot: Dot): KnownBatch | undefined {
    const log = this.#batches.get(dot.origin);
    const batch = log?.get(dot.seq);
    this.#lost.set(nameOf(dot), batch);
    if (batch === undefined) return undefined;
    log?.delete(dot.seq);
    for (const { key } of batch.writes) {
      const left = (this.#byKey.get(key) ?? []).filter(({ dot: { origin, seq } }) => {
        return origin !== dot.origin || seq !== dot.seq;
      });
      this.#byKey.set(key, left);
    }
    return batch;
  }

  /** Somebody had it in memory after all. False: it was not lost, or another write has its name by now. */
  restore(dot: Dot): boolean {
    const batch = this.#lost.get(nameOf(dot));
    const log = this.#batches.get(dot.origin);
    if (batch === undefined || log === undefined || log.has(dot.seq)) return false;
    this.#lost.delete(nameOf(dot));
    log.set(dot.seq, batch);
    for (const write of batch.writes) this.#insert(write);
    return true;
  }

  /** The last batch of each origin that has a counter up to this: who has it has all of them. */
  *upTo(counter: number): Generator<KnownBatch, void> {
    for (const log of this.#batches.values()) {
      let last: KnownBatch | null = null;
      for (const batch of log.values()) {
        if (batch.counter <= counter && (last === null || batch.dot.seq > last.dot.seq)) last = batch;
      }
      if (last !== null) yield last;
    }
  }

  /** Nobody has it, and nothing else has its name. */
  isLost(dot: Dot): boolean {
    return this.wasLost(dot) && this.batch(dot) === undefined;
  }

  /** Something that had this name is lost; another write may have it by now. */
  wasLost(dot: Dot): boolean {
    return this.#lost.has(nameOf(dot));
  }

  /** The write that wins at whoever has applied exactly `vector`: the greatest timestamp. */
  winner(key: string, vector: Vector): KnownWrite | null {
    return this.#byKey.get(key)?.findLast(({ dot }) => covers(vector, dot)) ?? null;
  }

  /** What whoever has applied exactly `vector` keeps of `key` side by side, deletes left out; newest first. */
  siblings(key: string, vector: Vector): KnownWrite[] {
    const applied = (this.#byKey.get(key) ?? []).filter(({ dot }) => covers(vector, dot));
    const isReplaced = (write: KnownWrite): boolean => applied.some((other) => this.#replaces(other, write));
    return applied.filter((write) => write.kind === 'put' && !isReplaced(write)).toReversed();
  }

  /** Of more siblings that one batch wrote the oldest go. */
  isCrowdedOut({ counter, dot, key }: KnownWrite): boolean {
    const later = (this.batch(dot)?.writes ?? []).filter((write) => write.key === key && write.counter > counter);
    return later.length >= BATCH_SIBLINGS_MAX;
  }

  #replaces(other: KnownWrite, write: KnownWrite): boolean {
    if (other.context !== null)
      return other.context.some((dot) => dot.origin === write.origin && dot.seq >= write.dot.seq);
    if (other.kind === 'put') return false;
    if (other.origin === write.origin) return other.counter > write.counter;
    return covers(this.batch(other.dot)?.dependencies ?? new Map(), write.dot);
  }
}

export function nameOf({ origin, seq }: Dot): string {
  return `${origin}:${seq}`;
}

function checkClock(
  batch: KnownBatch,
  before: KnownBatch | undefined,
  after: KnownBatch | undefined,
  who: string,
): void {
  const { boot, commands, counter, dot } = batch;
  const name = nameOf(dot);
  if (counter > COUNTER_MAX) {
    throw new Violation('clock-admitted', `${who} has ${name} with counter ${counter}, to which nobody has counted`);
  }
  if (before !== undefined && (counter < before.counter + before.commands || boot < before.boot)) {
    throw new Violation(
      'timestamps-rise',
      `${name} has counter ${counter} of boot ${boot}, after ${before.counter} of boot ${before.boot} (${before.commands} commands)`,
    );
  }
  if (after !== undefined && after.counter < counter + commands) {
    throw new Violation('timestamps-rise', `${name} has counter ${counter}, before ${after.counter}`);
  }
}

function writesOf(origin: OriginId, seq: number, counter: number, payload: Uint8Array): KnownWrite[] {
  const decoded = decodeCommands(payload);
  if (!decoded.ok) throw new Violation('batches-decode', `${origin}:${seq}: ${decoded.reason}`);
  return decoded.commands.map(({ operations }, at) => {
    const [operation] = operations;
    if (operation === undefined || operations.length > 1 || (operation.op !== 'put' && operation.op !== 'delete')) {
      throw new Violation('batches-decode', `${origin}:${seq} has a command that needs an order of all writes`);
    }
    const isPut = operation.op === 'put';
    return {
      dot: { origin, seq },
      origin,
      counter: counter + at,
      kind: operation.op,
      key: operation.key,
      value: isPut ? Buffer.from(operation.value).toString('latin1') : null,
      expiresAtMs: isPut ? (operation.expiresAtMs ?? null) : null,
      context: operation.context ?? null,
    };
  });
}
