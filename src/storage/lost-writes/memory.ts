import type { GroupId } from '../../base/brand.js';
import type { Entry } from '../../engines/entry.js';
import type { LostWritesContent, LostWritesFile, LostWritesHead, LostWritesStore } from '../storage.js';

/** The same without a disk. */
export class LostWritesMemory implements LostWritesStore {
  readonly #files = new Map<string, { readonly head: LostWritesHead; readonly entries: readonly Entry[] }>();

  save(head: LostWritesHead, entries: readonly Entry[]): string {
    const file = `epoch-${head.epoch}-${head.fromIndex}-${head.toIndex}-${this.#files.size + 1}.log`;
    this.#files.set(file, { head, entries });
    return file;
  }

  list(group: GroupId): readonly LostWritesFile[] {
    const files = [...this.#files].map(([file, { head }]) => ({ file, head, damage: null }));
    return files.filter(({ head }) => head.group === group).reverse();
  }

  read(group: GroupId, file: string): LostWritesContent | null {
    const found = this.#files.get(file);
    return found === undefined || found.head.group !== group ? null : { file, ...found, damage: null };
  }
}
