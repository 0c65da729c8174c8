import { logIndex, originLog, parseOriginLog, term, type GroupId, type OriginId } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import { decodeBatch } from '../../engines/leaderless/batch-codec.js';
import type { RecoveredOrigin } from '../../engines/leaderless/events.js';
import type { OriginBatch, Vector } from '../../engines/leaderless/types.js';
import type { Entry } from '../../engines/raft/messages.js';
import type { LogRecord, RecoveredGroup } from '../../storage/storage.js';

export interface Applied {
  readonly vector: Vector;
  readonly boots: Vector;
}

export interface RecoveredLogs {
  readonly origins: readonly RecoveredOrigin[];
  /**
   * To be appended before anything else: a crash came between a full sync's checkpoint and these, and what follows them
   * would leave a gap in the log.
   */
  readonly repairs: readonly LogRecord[];
}

/**
 * Puts the checkpoint and the origin logs of one group together. The checkpoint may be ahead of a log (a full sync that a
 * crash interrupted); no log may begin after the checkpoint.
 */
export function recoverLogs(
  group: GroupId,
  logs: ReadonlyMap<GroupId, RecoveredGroup>,
  { vector, boots }: Applied,
): RecoveredLogs {
  const found = new Map<OriginId, RecoveredGroup>();
  for (const [id, log] of logs) {
    const parsed = parseOriginLog(id);
    if (parsed?.group === group) found.set(parsed.origin, log);
  }
  const repairs: LogRecord[] = [];
  const origins: RecoveredOrigin[] = [];
  for (const origin of new Set([...found.keys(), ...vector.keys()])) {
    const applied = { seq: vector.get(origin) ?? 0, boot: boots.get(origin) ?? 0 };
    const log = found.get(origin);
    const baseSeq = log?.baseIndex ?? 0;
    const lastSeq = baseSeq + (log?.entries.length ?? 0);
    if (baseSeq > applied.seq) throw missingCheckpoint(group, origin, baseSeq, applied.seq);
    if (lastSeq >= applied.seq) {
      const batches = (log?.entries ?? []).map((entry) => batchOf(group, origin, entry));
      origins.push({ origin, baseSeq, baseBoot: log?.baseTerm ?? 0, batches });
      continue;
    }
    repairs.push(checkpointRecord(group, { origin, ...applied }));
    origins.push({ origin, baseSeq: applied.seq, baseBoot: applied.boot, batches: [] });
  }
  return { origins, repairs };
}

/** Tells the log of an origin that the checkpoint holds everything up to there. */
export function checkpointRecord(
  group: GroupId,
  { origin, seq, boot }: { readonly origin: OriginId; readonly seq: number; readonly boot: number },
): LogRecord {
  return { kind: 'checkpoint', group: originLog(group, origin), index: logIndex(seq), term: term(boot) };
}

/** How a batch lies in the log. */
export function entryRecord(group: GroupId, { origin, seq, boot, encoded }: OriginBatch): LogRecord {
  const entry: Entry = { index: logIndex(seq), term: term(boot), kind: 'commands', payload: encoded };
  return { kind: 'entry', group: originLog(group, origin), entry };
}

function batchOf(group: GroupId, origin: OriginId, { index, term: boot, payload }: Entry): OriginBatch {
  const batch = decodeBatch(payload);
  if (batch?.origin === origin && batch.seq === index && batch.boot === boot) return batch;
  throw new KvorumError(
    'log_corrupt',
    `Group ${group}: the entry ${index} of origin ${origin} is no batch of it, although its checksum holds`,
  );
}

function missingCheckpoint(group: GroupId, origin: OriginId, base: number, applied: number): KvorumError {
  return new KvorumError(
    'checkpoint_corrupt',
    `Group ${group}: the log of origin ${origin} begins after ${base}, but the checkpoint holds only ${applied}. ` +
      'Files of the checkpoint are missing: restore the folder, or empty it to fetch everything from the other replicas',
  );
}
