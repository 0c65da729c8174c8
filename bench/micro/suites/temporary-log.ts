import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReplicaId } from '../../../src/base/brand.js';
import { nodeFileSystem } from '../../../src/storage/node-file-system.js';
import type { Log } from '../../../src/storage/storage.js';
import { SegmentedLog } from '../../../src/storage/wal/segmented-log.js';

const SEGMENT_BYTES = 64 * 1024 * 1024;

export interface TemporaryLog {
  readonly log: Log;
  /** Closes the log and removes its folder. */
  close(): Promise<void>;
}

/** The production log on the real disk, in a folder below the system's one for temporary files. */
export function openTemporaryLog(replica: ReplicaId, fsync: boolean): TemporaryLog {
  const dir = mkdtempSync(join(tmpdir(), 'kvorum-bench-'));
  const identity = { cluster: 'bench', replica };
  const log = SegmentedLog.open({ fs: nodeFileSystem, dir, identity, segmentBytes: SEGMENT_BYTES, fsync });
  const close = async (): Promise<void> => {
    await log.close();
    rmSync(dir, { recursive: true });
  };
  return { log, close };
}
