import { assert } from '../../../base/assert.js';
import type { GroupId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { SimulatedInode } from '../../../storage/memory/simulated-file.js';
import { SimulatedFileSystem, type Fault } from '../../../storage/memory/simulated-file-system.js';
import type { RecoveredGroup } from '../../../storage/storage.js';
import { withoutTrailingZeros } from '../../../storage/wal/recovery.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { duration } from '../chance.js';
import { EVENT } from '../event-kinds.js';
import type { Machine } from '../machine.js';
import type { CrashLoss, DiskFaults, SimDisk } from '../types.js';
import type { WorldTime } from '../virtual-time.js';
import { LogWatcher, type Damage } from './log-watcher.js';

const SECTOR_BYTES = 512;
/** How much of what was not synced survives, by crash: hardly anything, half of it, nearly all. */
const SURVIVAL = [0.1, 0.5, 0.9] as const;

export interface DiskOptions {
  readonly time: WorldTime;
  readonly machine: Machine;
  readonly prng: Prng;
  readonly faults: DiskFaults;
  /** Where the segments of the log lie. */
  readonly logDir: string;
  onDurable(records: readonly StoredRecord[]): void;
}

/** The disk of one machine: what lies on it outlives processes, and what was not synced outlives some crashes. */
export class Disk implements SimDisk {
  faults: DiskFaults;
  fs: SimulatedFileSystem;
  /** Operations that failed because they were told to. */
  faultsInjected = 0;
  readonly #options: DiskOptions;
  #watcher: LogWatcher;
  #failIn = 0;
  #fault: Fault = 'EIO';
  /** Set: the next sync is lost, and who wants to hear of it. */
  #loseSync: (() => void) | null = null;
  /** A copy that somebody took of what was durable then. */
  #kept: SimulatedFileSystem | null = null;
  /** It is a copy of an older one, which nobody has read so far. */
  #restored = false;
  /** What the next recovery must find cannot be told. */
  #broken = false;
  #flips = 0;
  /** Counts the disks that this one was: a power loss or a wipe makes another one, which knows nothing of the last. */
  #epoch = 0;
  /** Operations that somebody waits for, oldest first. */
  readonly #underWay = new Set<{ readonly life: number; readonly beganMs: number }>();

  constructor(options: DiskOptions) {
    this.#options = options;
    this.faults = options.faults;
    this.fs = this.#emptyFileSystem();
    this.#watcher = this.#newWatcher();
  }

  failNext(count: number, fault: 'EIO' | 'ENOSPC' | 'short write'): void {
    assert(count > 0, 'the next operation is the first');
    this.#failIn = count;
    this.#fault = fault;
  }

  loseNextSync(told: () => void): void {
    this.#loseSync = told;
  }

  loseNoSync(): void {
    this.#loseSync = null;
  }

  get lies(): boolean {
    return this.#loseSync !== null || this.fs.lies;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get busySinceMs(): number | null {
    const { life } = this.#options.machine;
    for (const operation of this.#underWay) if (operation.life === life) return operation.beganMs;
    return null;
  }

  keep(): void {
    if (this.#flips > 0) return; // What is put back is old, not rotten as well.
    this.#kept = this.fs.crash({ survives: () => false });
  }

  /** Puts the copy in the place of what is there; it may be put back again. */
  rollBack(): boolean {
    assert(this.#options.machine.life === 0, 'a folder is put back while nobody uses it');
    const kept = this.#kept;
    if (kept === null) return false;
    this.#begin(kept.crash({ survives: () => false }));
    // What was cut before the copy was taken is in no record of it.
    this.#restored = true;
    return true;
  }

  rot(prng: Prng): boolean {
    assert(this.#options.machine.life === 0, 'bits rot while the process is down');
    const { logDir } = this.#options;
    const files = [...this.fs.durable].filter(([path]) => path.startsWith(`${logDir}/segment-`));
    const used = files.map(([, file]) => ({ file, bytes: withoutTrailingZeros(file.content()).length }));
    const total = used.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total === 0) return false;
    let at = prng.between(0, total - 1);
    for (const { file, bytes } of used) {
      if (at < bytes) {
        file.flipBit(at, prng.between(0, 7));
        this.#flips++;
        return true;
      }
      at -= bytes;
    }
    return false;
  }

  /** Before a process opens its storage; `opened` or a crash follows. */
  beginOpen(): SimulatedFileSystem {
    this.#watcher.beginOpen();
    return this.fs;
  }

  /** Returns what recovery got wrong, or null. */
  opened(recovered: ReadonlyMap<GroupId, RecoveredGroup>): string | null {
    const wrong = this.#watcher.opened(recovered, this.fs.durable, this.#damage);
    this.#flips = 0;
    this.#restored = false;
    return wrong;
  }

  get #damage(): Damage {
    if (this.#broken || this.#restored || this.#flips > 1) return 'anything';
    return this.#flips === 1 ? 'one bit' : 'none';
  }

  crash(loss: CrashLoss): void {
    this.fs = loss === 'nothing' ? this.fs.release() : this.#afterPowerLoss(loss);
  }

  wipe(): void {
    this.#restored = false;
    this.#begin(this.#emptyFileSystem());
  }

  /** Another disk: nothing is known of it, and nothing of the last one comes any more. */
  #begin(fs: SimulatedFileSystem): void {
    this.fs.release();
    this.fs = fs;
    this.#watcher = this.#newWatcher();
    this.#broken = false;
    this.#loseSync = null;
    this.#flips = 0;
    this.#epoch++;
  }

  #afterPowerLoss(loss: Exclude<CrashLoss, 'nothing'>): SimulatedFileSystem {
    const { prng } = this.#options;
    const before = this.fs;
    const share = SURVIVAL[prng.between(0, SURVIVAL.length - 1)] ?? 0;
    const survives = loss === 'unsynced' ? () => false : () => prng.float() < share;
    this.#broken ||= before.lies;
    const after = before.crash({ survives, sectorBytes: loss === 'bytes' ? 1 : SECTOR_BYTES });
    before.crashed = true;
    this.#epoch++;
    return after;
  }

  #newWatcher(): LogWatcher {
    return new LogWatcher(this.#options.logDir, (records) => this.#options.onDurable(records));
  }

  #emptyFileSystem(): SimulatedFileSystem {
    const fs: SimulatedFileSystem = new SimulatedFileSystem({
      hooks: {
        fault: (operation) => this.#faultOf(operation),
        later: (complete) => this.#later(complete),
        onDurable: (path, inode) => this.#onDurable(path, inode),
      },
    });
    return fs;
  }

  #faultOf(operation: string): Fault | 'lost' | null {
    if (this.#loseSync !== null && operation === 'sync') {
      const told = this.#loseSync;
      this.#loseSync = null;
      this.faultsInjected++;
      told();
      return 'lost';
    }
    if (this.#failIn === 0 || --this.#failIn > 0) return null;
    this.faultsInjected++;
    return this.#fault;
  }

  /** The disk works on while a process is paused, or dead; a process hears of it when it runs. */
  #later(complete: () => () => void): void {
    const { time, machine, prng } = this.#options;
    const { life } = machine;
    const epoch = this.#epoch;
    const { syncMeanMs, slowTail } = this.faults;
    const operation = { life, beganMs: time.nowMs };
    this.#underWay.add(operation);
    time.schedule(duration(prng, syncMeanMs, slowTail), machine.ordinal, EVENT.disk, () => {
      this.#underWay.delete(operation);
      if (epoch !== this.#epoch) return;
      const tell = complete();
      machine.deliver(life, () => {
        time.settle();
        tell();
      });
    });
  }

  #onDurable(path: string, inode: SimulatedInode | null): void {
    this.#watcher.onDurable(path, inode, this.fs.durable);
  }
}
