import type { GroupId } from '../../base/brand.js';
import { syncDir, type FileSystem } from '../file-system.js';
import type { LiveGroups } from './live-groups.js';

export interface OldSegment {
  readonly path: string;
  readonly bytes: number;
  /** The highest index that was ever appended to it, per group. */
  readonly highest: ReadonlyMap<GroupId, number>;
}

/** The full segments of a log, oldest first, until every group has cut what they hold. */
export class OldSegments {
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #segments: OldSegment[];
  #removing = false;

  constructor(fs: FileSystem, dir: string, segments: readonly OldSegment[]) {
    this.#fs = fs;
    this.#dir = dir;
    this.#segments = [...segments];
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.bytes;
    return bytes;
  }

  /** From the oldest segment on that `group` has not cut. */
  heldBytes(group: GroupId, groups: LiveGroups): number {
    const first = this.#segments.findIndex(({ highest }) => groups.needs(group, highest));
    if (first === -1) return 0;
    return this.#segments.slice(first).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get removing(): boolean {
    return this.#removing;
  }

  push(segment: OldSegment): void {
    this.#segments.push(segment);
  }

  /**
   * Removes what nobody needs, oldest first, each removal durable before the next: a crash never leaves a hole. The
   * cuts must be durable already. Calls while it runs add nothing; it looks at `groups` before each removal.
   */
  async removeCut(groups: LiveGroups, onRemoved: (path: string) => void): Promise<void> {
    if (this.#removing) return;
    this.#removing = true;
    try {
      for (let oldest = this.#segments[0]; oldest !== undefined; oldest = this.#segments[0]) {
        if (!groups.hasCut(oldest.highest)) break;
        this.#fs.unlinkSync(oldest.path);
        await syncDir(this.#fs, this.#dir);
        this.#segments.shift();
        onRemoved(oldest.path);
      }
    } finally {
      this.#removing = false;
    }
  }
}
