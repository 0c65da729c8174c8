import type { OriginId } from '../../../../src/base/brand.js';
import { compareTimestamps, type Timestamp, type Vector } from '../../../../src/base/dot.js';
import type { OriginBatch } from '../../../../src/engines/leaderless/types.js';

/** A toy last-writer-wins map, obviously right, in place of src/kv/dotted. Null: a tombstone. */
export interface Item {
  readonly value: string | null;
  readonly origin: OriginId;
  readonly seq: number;
  readonly ts: Timestamp;
}

export interface Snapshot {
  readonly items: ReadonlyMap<string, Item>;
  readonly vector: Vector;
  readonly boots: Vector;
  readonly counter: number;
  readonly collectedTo: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `key=value` puts, `key` deletes; one command per line. */
export function payloadOf(...commands: readonly string[]): Uint8Array {
  return encoder.encode(commands.join('\n'));
}

export function commandsOf(batch: OriginBatch): string[] {
  return decoder.decode(batch.payload).split('\n');
}

export class ToyMachine {
  items = new Map<string, Item>();
  vector = new Map<OriginId, number>();
  boots = new Map<OriginId, number>();
  counter = 0;
  collectedTo = 0;

  static of(snapshot: Snapshot): ToyMachine {
    const machine = new ToyMachine();
    machine.items = new Map(snapshot.items);
    machine.vector = new Map(snapshot.vector);
    machine.boots = new Map(snapshot.boots);
    machine.counter = snapshot.counter;
    machine.collectedTo = snapshot.collectedTo;
    return machine;
  }

  get snapshot(): Snapshot {
    const { counter, collectedTo } = this;
    const [items, vector, boots] = [new Map(this.items), new Map(this.vector), new Map(this.boots)];
    return { items, vector, boots, counter, collectedTo };
  }

  apply(batch: OriginBatch): void {
    const { origin, seq } = batch;
    if ((this.vector.get(origin) ?? 0) + 1 !== seq) throw new Error(`${origin} ${seq} is not next`);
    this.vector.set(origin, seq);
    this.boots.set(origin, batch.boot);
    for (const [at, command] of commandsOf(batch).entries()) {
      const [key = '', value] = command.split('=');
      this.#offer(key, { value: value ?? null, origin, seq, ts: { counter: batch.counter + at, origin } });
    }
    this.counter = Math.max(this.counter, batch.counter + batch.commands - 1);
  }

  #offer(key: string, item: Item): void {
    const before = this.items.get(key);
    if (before === undefined || compareTimestamps(before.ts, item.ts) < 0) this.items.set(key, item);
  }

  collect(counter: number): void {
    for (const [key, item] of this.items) {
      if (item.value === null && item.ts.counter <= counter) this.items.delete(key);
    }
    this.collectedTo = Math.max(this.collectedTo, counter);
  }

  collectNaively(heldByAll: Vector): void {
    for (const [key, { value, origin, seq }] of this.items) {
      if (value === null && (heldByAll.get(origin) ?? 0) >= seq) this.items.delete(key);
    }
  }

  /** ap.md §1.0.5 rule 5. `sent`: items whose dots `have` did not cover; all of them when `whole`. */
  merge(end: Snapshot, have: Vector, whole: boolean): void {
    const covered = (vector: Vector, { origin, seq }: Item): boolean => (vector.get(origin) ?? 0) >= seq;
    for (const [key, item] of this.items) {
      if (whole && !end.items.has(key) && covered(end.vector, item)) this.items.delete(key);
    }
    for (const [key, item] of end.items) {
      if (!whole && covered(have, item)) continue;
      if (!this.items.has(key) && covered(this.vector, item)) continue; // Deleted here.
      this.#offer(key, item);
    }
    for (const [origin, seq] of end.vector) {
      if (seq <= (this.vector.get(origin) ?? 0)) continue;
      this.vector.set(origin, seq);
      this.boots.set(origin, end.boots.get(origin) ?? 0);
    }
    this.counter = Math.max(this.counter, end.counter);
    this.collectedTo = Math.max(this.collectedTo, end.collectedTo);
  }

  get live(): Map<string, string> {
    const live = [...this.items.keys()].filter((key) => this.items.get(key)?.value !== null).sort();
    return new Map(live.map((key) => [key, this.items.get(key)?.value ?? '']));
  }

  get tombstones(): number {
    return [...this.items.values()].filter(({ value }) => value === null).length;
  }

  /** Over what no collection changes. */
  get hash(): string {
    const newer = [...this.items].filter(([, { ts }]) => ts.counter > this.collectedTo);
    return newer
      .map(([key, { value, ts }]) => `${key} ${value} ${ts.counter} ${ts.origin}`)
      .sort()
      .join();
  }
}
