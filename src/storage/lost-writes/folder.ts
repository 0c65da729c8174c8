import { join } from 'node:path';
import { KvorumError } from '../../base/errors/error.js';
import type { GroupId } from '../../base/brand.js';
import type { Entry } from '../../engines/entry.js';
import type { File, FileSystem } from '../file-system.js';
import type { LostWritesContent, LostWritesFile, LostWritesHead, LostWritesStore } from '../storage.js';
import { encodeLostWrites, LostWritesReader } from './codec.js';

/** Files that are listed, the newest epochs first: each one is opened for it. */
const LISTED_MAX = 256;
/** Other groups, or an earlier life, may have the same epoch and positions: so many files of one name are told apart. */
const SAME_NAME_MAX = 64;
const NAME = /^epoch-(\d{1,16})-(\d{1,16})-(\d{1,16})(?:-(\d{1,3}))?\.log$/;

/** What was thrown away, in files of the data folder: written before anything takes its place, never changed, never removed. */
export class LostWritesFolder implements LostWritesStore {
  readonly #fs: FileSystem;
  readonly #dir: string;

  constructor(fs: FileSystem, dir: string) {
    this.#fs = fs;
    this.#dir = dir;
  }

  save(head: LostWritesHead, entries: readonly Entry[]): string {
    try {
      return this.#save(head, entries);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new KvorumError('storage_failed', `${this.#dir}: lost writes cannot be recorded: ${reason}`, {
        cause: error,
      });
    }
  }

  #save(head: LostWritesHead, entries: readonly Entry[]): string {
    const { epoch, fromIndex, toIndex } = head;
    this.#fs.makeDirSync(this.#dir);
    for (let copy = 1; copy <= SAME_NAME_MAX; copy++) {
      const name = `epoch-${epoch}-${fromIndex}-${toIndex}${copy === 1 ? '' : `-${copy}`}.log`;
      const there = this.#head(name);
      // A crash came between the file and what takes the place of its entries: the same is told again.
      if (there !== null && tellsTheSame(there, head)) return name;
      if (this.#fs.existsSync(join(this.#dir, name))) continue;
      this.#write(name, encodeLostWrites(head, entries));
      return name;
    }
    throw new Error(`there are ${SAME_NAME_MAX} files of epoch ${epoch} from ${fromIndex} to ${toIndex} already`);
  }

  /** Under its name only when all of it is durable; and its name is, when this returns. */
  #write(name: string, parts: readonly Uint8Array[]): void {
    const path = join(this.#dir, name);
    const temporary = `${path}.tmp`;
    if (this.#fs.existsSync(temporary)) this.#fs.unlinkSync(temporary);
    const file = this.#fs.openSync(temporary, 'create');
    try {
      let position = 0;
      for (let at = 0; at < parts.length; at += PARTS_PER_WRITE) {
        const some = parts.slice(at, at + PARTS_PER_WRITE);
        file.writevSync(some, position);
        for (const part of some) position += part.length;
      }
      file.syncSync();
    } finally {
      file.closeSync();
    }
    this.#fs.renameSync(temporary, path);
    this.#fs.syncDirSync(this.#dir);
  }

  list(group: GroupId): readonly LostWritesFile[] {
    const files: LostWritesFile[] = [];
    for (const name of this.#names().slice(0, LISTED_MAX)) {
      const head = this.#open(name, (reader) => reader.head() ?? reader.damage);
      if (head === null) continue;
      // Whose it is cannot be told from a damaged head: everybody lists it.
      if (typeof head === 'string') files.push({ file: name, head: headOf(name, group), damage: head });
      else if (head.group === group) files.push({ file: name, head, damage: null });
    }
    return files;
  }

  read(group: GroupId, file: string, bytesMax: number): LostWritesContent | null {
    if (!NAME.test(file)) return null; // Nothing else in the folder is anybody's business, nor outside of it.
    return this.#open(file, (reader) => {
      const head = reader.head();
      if (head === null) return { file, head: headOf(file, group), entries: [], damage: reader.damage };
      if (head.group !== group) return null;
      const entries: Entry[] = [];
      for (let left = bytesMax; entries.length < head.entries && left > 0;) {
        const entry = reader.next();
        if (entry === null) break;
        entries.push(entry);
        left -= entry.payload.length;
      }
      return { file, head, entries, damage: reader.damage };
    });
  }

  /** The newest epochs first. */
  #names(): string[] {
    if (!this.#fs.existsSync(this.#dir)) return [];
    const parsed = this.#fs.listSync(this.#dir).flatMap((name) => {
      const found = NAME.exec(name);
      return found === null ? [] : [{ name, epoch: Number(found[1]), from: Number(found[2]) }];
    });
    return parsed.sort((a, b) => b.epoch - a.epoch || b.from - a.from).map(({ name }) => name);
  }

  #head(name: string): LostWritesHead | null {
    return this.#open(name, (reader) => reader.head());
  }

  /** Null: there is no such file. One that cannot be read is like one that is damaged. */
  #open<T>(name: string, use: (reader: LostWritesReader) => T): T | null {
    const path = join(this.#dir, name);
    if (!this.#fs.existsSync(path)) return null;
    let file: File | null = null;
    try {
      file = this.#fs.openSync(path, 'read');
      const opened = file;
      return use(new LostWritesReader((target, position) => opened.readSync(target, position)));
    } catch (error) {
      const reader = new LostWritesReader(() => 0);
      reader.damage = error instanceof Error ? error.message : String(error);
      return use(reader);
    } finally {
      file?.closeSync();
    }
  }
}

/** As many as the operating system takes at once. */
const PARTS_PER_WRITE = 1024;

/** What its name says of a file whose head is damaged. */
function headOf(name: string, group: GroupId): LostWritesHead {
  const [, epoch = 0, fromIndex = 0, toIndex = 0] = (NAME.exec(name) ?? []).map(Number);
  const unknown = { lastEpoch: 0, entries: 0, writes: 0, acknowledged: 0, commit: 0, certain: false, beforeLog: false };
  return { group, epoch, fromIndex, toIndex, ...unknown };
}

/** The last entry's place and epoch name a log up to there. */
function tellsTheSame(a: LostWritesHead, b: LostWritesHead): boolean {
  return (
    a.group === b.group &&
    a.lastEpoch === b.lastEpoch &&
    a.entries === b.entries &&
    a.acknowledged >= b.acknowledged &&
    a.certain === b.certain &&
    a.beforeLog === b.beforeLog
  );
}
