import type { FileSystem } from '../file-system.js';
import type { RecoveryReport, StorageIdentity } from '../storage.js';
import { TEMPORARY_SUFFIX } from './format.js';
import { replayLog, type Replay, type TornTail } from './replay.js';

/** How the lower layers report what happened: a snake_case name and plain fields. */
export type StorageLogger = (event: string, fields: Readonly<Record<string, unknown>>) => void;

export interface RecoveredLog {
  readonly replay: Replay;
  readonly report: RecoveryReport;
}

/**
 * Reads the log in `dir` and makes it ready for appending: removes segments that never got their name, and cuts a torn
 * tail after saving it. Nothing else is ever repaired (raft.md W6). A crash anywhere in here leaves a folder that
 * recovers to the same state.
 */
export function recoverLog(
  fs: FileSystem,
  dir: string,
  identity: StorageIdentity,
  logger: StorageLogger,
): RecoveredLog {
  fs.makeDirSync(dir);
  removeUnfinished(fs, dir);
  const replay = replayLog(fs, dir, identity);
  const tornTail = replay.tornTail === null ? null : cutTornTail(fs, dir, replay.tornTail);
  if (tornTail !== null) logger('log_torn_tail_cut', { ...tornTail, reason: replay.tornTail?.reason });
  const report: RecoveryReport = {
    segments: replay.segments.length,
    records: replay.records,
    bytes: replay.bytes,
    tornTail,
  };
  return { replay, report };
}

/** A segment that was not renamed yet holds nothing that anyone was told about (raft.md W4). */
function removeUnfinished(fs: FileSystem, dir: string): void {
  const unfinished = fs.listSync(dir).filter((name) => name.endsWith(TEMPORARY_SUFFIX));
  for (const name of unfinished) fs.unlinkSync(`${dir}/${name}`);
  if (unfinished.length > 0) fs.syncDirSync(dir);
}

/** Copy first, then truncate, then sync: the cut bytes are never only in memory (raft.md W6). */
function cutTornTail(fs: FileSystem, dir: string, torn: TornTail): RecoveryReport['tornTail'] {
  const cut = withoutTrailingZeros(torn.bytes);
  const savedAs = freeName(fs, torn.path);
  const copy = fs.openSync(savedAs, 'create');
  try {
    copy.writevSync([cut], 0);
    copy.syncSync();
  } finally {
    copy.closeSync();
  }
  fs.syncDirSync(dir);
  const file = fs.openSync(torn.path, 'write');
  try {
    file.truncateSync(torn.offset);
    file.syncSync();
  } finally {
    file.closeSync();
  }
  fs.syncDirSync(dir);
  return { file: torn.path, offset: torn.offset, bytes: cut.length, savedAs };
}

function freeName(fs: FileSystem, path: string): string {
  for (let number = 1; ; number++) {
    const name = `${path}.torn-${number}`;
    if (!fs.existsSync(name)) return name;
  }
}

export function withoutTrailingZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}
