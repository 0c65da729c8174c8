import { assert, assertDefined } from '../../base/assert.js';

/** Decides, for one thing that was not synced when the power went, whether it reached the disk. */
export type Survives = (what: 'write' | 'truncate' | 'name') => boolean;

interface PendingWrite {
  readonly kind: 'write';
  readonly position: number;
  readonly bytes: Buffer;
}

interface PendingTruncate {
  readonly kind: 'truncate';
  readonly size: number;
}

const INITIAL_BYTES = 4096;

class GrowingBytes {
  bytes: Buffer = Buffer.alloc(0);
  size = 0;

  write(source: Uint8Array, position: number): void {
    const end = position + source.length;
    if (end > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(end, this.bytes.length * 2, INITIAL_BYTES));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(source, position);
    this.size = Math.max(this.size, end);
  }

  truncate(size: number): void {
    if (size < this.size) this.bytes.fill(0, size, this.size);
    if (size > this.size) this.write(Buffer.alloc(size - this.size), this.size);
    this.size = size;
  }

  copy(): GrowingBytes {
    const copy = new GrowingBytes();
    copy.bytes = Buffer.from(this.bytes);
    copy.size = this.size;
    return copy;
  }
}

/**
 * A file of the simulated disk: what programs see (`seen`), what is safe (`durable`), and what lies between, in order.
 * A crash keeps any subset of the unsynced writes, cut into sectors, as a real page cache does.
 */
export class SimulatedInode {
  #seen = new GrowingBytes();
  #durable = new GrowingBytes();
  #pending: (PendingWrite | PendingTruncate)[] = [];
  /** Changes that came before `#pending[0]`. */
  #settled = 0;
  /** What a disk that lies has vouched for since it last told the truth: part of `#durable`, and lost with the power. */
  #lied: (PendingWrite | PendingTruncate)[] = [];
  /** What is durable without them. */
  #truth: GrowingBytes | null = null;

  get size(): number {
    return this.#seen.size;
  }

  get unsyncedBytes(): number {
    let total = 0;
    for (const change of this.#pending) total += change.kind === 'write' ? change.bytes.length : 0;
    return total;
  }

  read(target: Uint8Array, position: number): number {
    const available = Math.max(0, this.#seen.size - position);
    const count = Math.min(available, target.length);
    target.set(this.#seen.bytes.subarray(position, position + count));
    return count;
  }

  /** Keeps `bytes`: they must not change any more. */
  write(bytes: Buffer, position: number): void {
    if (position > this.#seen.size) this.truncate(position);
    this.#seen.write(bytes, position);
    this.#pending.push({ kind: 'write', position, bytes });
  }

  truncate(size: number): void {
    this.#seen.truncate(size);
    this.#pending.push({ kind: 'truncate', size });
  }

  /** Names what was changed so far: a sync that begins now makes that durable, and need not do more. */
  get changes(): number {
    return this.#settled + this.#pending.length;
  }

  /** Makes the first `changes` changes durable, and what was lied about before. */
  sync(changes: number = this.changes): void {
    for (const change of this.#settle(changes)) this.#keep(change);
    this.#lied = [];
    this.#truth = null;
  }

  /** A sync that lies: what it covers counts as durable until the power goes, unless a later sync of the file is honest. */
  loseSync(changes: number = this.changes): void {
    const lost = this.#settle(changes);
    if (lost.length === 0) return;
    this.#truth ??= this.#durable.copy();
    this.#lied.push(...lost);
    for (const change of lost) this.#keep(change);
  }

  /** A loss of power may take what a sync has vouched for. */
  get lies(): boolean {
    return this.#lied.length > 0;
  }

  #keep(change: PendingWrite | PendingTruncate): void {
    if (change.kind === 'write') this.#durable.write(change.bytes, change.position);
    else this.#durable.truncate(change.size);
  }

  /** A failed fsync marks the pages clean all the same: a later fsync succeeds and saves nothing (fsyncgate). */
  failSync(changes: number = this.changes): void {
    this.#settle(changes);
  }

  #settle(changes: number): (PendingWrite | PendingTruncate)[] {
    const count = Math.max(0, changes - this.#settled);
    assert(count <= this.#pending.length, 'only what was changed is synced');
    this.#settled += count;
    if (count < this.#pending.length) return this.#pending.splice(0, count);
    const all = this.#pending;
    this.#pending = [];
    return all;
  }

  /** What would be left if the power went now and took everything that it may, and no sync had lied. Not a copy. */
  get durableBytes(): Buffer {
    return this.#durable.bytes.subarray(0, this.#durable.size);
  }

  /** A bit of what is at rest changes by itself. */
  flipBit(position: number, bit: number): void {
    for (const image of [this.#seen, this.#durable]) {
      if (position < image.size) image.bytes[position] = (image.bytes[position] ?? 0) ^ (1 << bit);
    }
  }

  /** What is left after power loss. `sectorBytes` is the unit that is written whole or not at all. */
  afterCrash(survives: Survives, sectorBytes: number): SimulatedInode {
    const kept = (this.#truth ?? this.#durable).copy();
    for (const change of [...this.#lied, ...this.#pending]) {
      if (change.kind === 'truncate') {
        if (survives('truncate')) kept.truncate(change.size);
        continue;
      }
      for (let from = 0; from < change.bytes.length;) {
        const at = change.position + from;
        const until = Math.min(change.bytes.length, from + sectorBytes - (at % sectorBytes));
        if (survives('write')) keep(kept, change.bytes.subarray(from, until), at);
        from = until;
      }
    }
    return SimulatedInode.holding(kept);
  }

  /** Test surgery: replaces the content, durably. */
  replace(bytes: Uint8Array): void {
    const content = new GrowingBytes();
    content.write(bytes, 0);
    this.#seen = content;
    this.#durable = content.copy();
    this.#settle(this.changes);
    this.#lied = [];
    this.#truth = null;
  }

  content(): Buffer {
    return Buffer.from(this.#seen.bytes.subarray(0, this.#seen.size));
  }

  clone(): SimulatedInode {
    const clone = new SimulatedInode();
    clone.#seen = this.#seen.copy();
    clone.#durable = this.#durable.copy();
    clone.#pending = [...this.#pending];
    clone.#settled = this.#settled;
    clone.#lied = [...this.#lied];
    clone.#truth = this.#truth?.copy() ?? null;
    return clone;
  }

  private static holding(content: GrowingBytes): SimulatedInode {
    const inode = new SimulatedInode();
    inode.#durable = content;
    inode.#seen = content.copy();
    return inode;
  }
}

function keep(kept: GrowingBytes, bytes: Uint8Array, at: number): void {
  if (at > kept.size) kept.truncate(at);
  kept.write(bytes, at);
}

interface NameChange {
  readonly dir: string;
  readonly set: readonly [path: string, inode: SimulatedInode] | null;
  readonly remove: string | null;
}

/** Names of files, kept apart from their data: a name is durable only after its folder was synced (raft.md W4). */
export class SimulatedNames {
  #seen = new Map<string, SimulatedInode>();
  #durable = new Map<string, SimulatedInode>();
  #pending: NameChange[] = [];

  get(path: string): SimulatedInode | undefined {
    return this.#seen.get(path);
  }

  paths(): string[] {
    return [...this.#seen.keys()].toSorted();
  }

  has(dir: string): boolean {
    const prefix = `${dir}/`;
    for (const path of this.#seen.keys()) if (path.startsWith(prefix)) return true;
    return false;
  }

  /** The names that a loss of power leaves for certain. */
  get durable(): ReadonlyMap<string, SimulatedInode> {
    return this.#durable;
  }

  create(dir: string, path: string): SimulatedInode {
    const inode = new SimulatedInode();
    this.#change({ dir, set: [path, inode], remove: null });
    return inode;
  }

  rename(dir: string, from: string, to: string): void {
    const inode = assertDefined(this.#seen.get(from), 'only an existing file is renamed');
    this.#change({ dir, set: [to, inode], remove: from });
  }

  unlink(dir: string, path: string): void {
    this.#change({ dir, set: null, remove: path });
  }

  syncDir(dir: string): void {
    const left: NameChange[] = [];
    for (const change of this.#pending) {
      if (change.dir === dir) apply(this.#durable, change);
      else left.push(change);
    }
    this.#pending = left;
  }

  /** Each unsynced change of a name survives or not, on its own: the most hostile file system that POSIX allows. */
  afterCrash(survives: Survives, sectorBytes: number): SimulatedNames {
    const kept = new Map(this.#durable);
    for (const change of this.#pending) if (survives('name')) apply(kept, change);
    const names = new SimulatedNames();
    for (const [path, inode] of kept) {
      const left = inode.afterCrash(survives, sectorBytes);
      names.#seen.set(path, left);
      names.#durable.set(path, left);
    }
    return names;
  }

  /** Some file, under a name that is seen or durable, has been lied about. */
  get lies(): boolean {
    return [this.#seen, this.#durable].some((names) => [...names.values()].some((inode) => inode.lies));
  }

  /** A copy in which files can be damaged without harm to this one. Everything that is seen counts as durable. */
  clone(): SimulatedNames {
    const names = new SimulatedNames();
    for (const [path, inode] of this.#seen) {
      const copy = inode.clone();
      names.#seen.set(path, copy);
      names.#durable.set(path, copy);
    }
    return names;
  }

  #change(change: NameChange): void {
    apply(this.#seen, change);
    this.#pending.push(change);
  }
}

function apply(names: Map<string, SimulatedInode>, change: NameChange): void {
  if (change.remove !== null) names.delete(change.remove);
  if (change.set !== null) names.set(change.set[0], change.set[1]);
}
