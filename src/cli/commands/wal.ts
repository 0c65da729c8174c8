import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { isKvorumError, KvorumError } from '../../base/errors/error.js';
import { parseOriginLog, replicaId, type GroupId } from '../../base/brand.js';
import { FOLDER } from '../../storage/disk-storage.js';
import type { FolderLock } from '../../storage/file-system.js';
import { readIdentity, type IdentityFile } from '../../storage/identity.js';
import { nodeFileSystem as fs } from '../../storage/node-file-system.js';
import { withoutTrailingZeros } from '../../storage/wal/recovery.js';
import { replayLog, type Replay, type ReplayVisitor } from '../../storage/wal/replay.js';
import type { Entry } from '../../engines/entry.js';
import type { HardState } from '../../engines/raft/events.js';
import type { Membership, MembershipPair } from '../../engines/raft/membership.js';
import { openingOf } from '../../engines/semisync/opening.js';
import type { ReadRecord } from '../../storage/wal/segment-reader.js';
import type { StoredRecord } from '../../storage/wal/unit-encoder.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';

const DUMP_LIMIT = 100;

/** `kvorum wal verify|dump`: reads a replica's log and changes nothing. */
export function walCommand(): Command {
  const wal = new Command('wal').description('Examine the log of a stopped replica; nothing is ever changed');
  wal
    .command('verify')
    .argument('<dir>', 'data folder of one replica, for example data/local/n1')
    .description('Check every record: exit 0 when the log is whole or has only a torn tail, 9 when it is damaged')
    .action((dir: string, _options: unknown, command: Command) => verify(dir, wantsJson(command)));
  wal
    .command('dump')
    .argument('<dir>', 'data folder of one replica')
    .description('List the records, with -o json one JSON object per line')
    .option('--group <id>', 'only this group, for example default/0, with the logs of its origins')
    .option('--limit <n>', 'stop after this many records, 0 for all', wholeNumber, DUMP_LIMIT)
    .action((dir: string, options: { group?: string; limit: number }, command: Command) => {
      dump(dir, wantsJson(command), options.group ?? null, options.limit);
    });
  return wal;
}

function wantsJson(command: Command): boolean {
  return command.optsWithGlobals()['output'] === 'json';
}

function verify(dir: string, json: boolean): void {
  const { identity, release } = open(dir);
  try {
    const replay = read(dir, identity, {}, (damage) => {
      if (json) printJson({ dir, ok: false, ...owner(identity), damage: { detail: damage.message, ...damage.extra } });
    });
    if (json) printJson({ dir, ok: true, ...owner(identity), ...summary(replay) });
    else printSummary(dir, replay);
  } finally {
    release();
  }
}

function printSummary(dir: string, replay: Replay): void {
  const { groups, segments, tornTail } = summary(replay);
  printTable(
    ['segment', 'first', 'last', 'bytes', 'file bytes'],
    segments.map((each) => [each.name, each.firstSeq, each.lastSeq, each.bytes, each.fileBytes].map(String)),
  );
  process.stdout.write('\n');
  printTable(
    ['group', 'term', 'vote', 'base', 'last', 'entries'],
    groups.map((each) => [each.group, each.term, each.vote ?? '-', each.base, each.last, each.entries].map(String)),
  );
  process.stdout.write(`\n${dir}: ok, ${replay.records} records in ${replay.bytes} bytes\n`);
  if (tornTail === null) return;
  const { bytes, file, offset, reason } = tornTail;
  process.stdout.write(
    `torn tail: ${bytes} bytes after offset ${offset} of ${file} (${reason}) were never durable; ` +
      'the next start saves and cuts them\n',
  );
}

interface Summary {
  readonly records: number;
  readonly bytes: number;
  readonly segments: readonly { name: string; firstSeq: number; lastSeq: number; bytes: number; fileBytes: number }[];
  readonly groups: readonly {
    group: string;
    term: number;
    vote: string | null;
    base: number;
    last: number;
    entries: number;
  }[];
  readonly tornTail: { file: string; offset: number; bytes: number; reason: string } | null;
}

function summary({ bytes, groups, records, segments, tornTail }: Replay): Summary {
  return {
    records,
    bytes,
    segments: segments.map(({ endBytes, fileBytes, firstSeq, lastSeq, name }) => ({
      name,
      firstSeq,
      lastSeq,
      bytes: endBytes,
      fileBytes,
    })),
    groups: [...groups].map(([group, { baseIndex, baseTerm, entries, hardState }]) => ({
      group,
      // The log of an origin has the boot of its last batch here, and nobody votes.
      term: hardState?.term ?? (parseOriginLog(group) === null ? 0 : (entries.at(-1)?.term ?? baseTerm)),
      vote: hardState?.vote ?? null,
      base: baseIndex,
      last: baseIndex + entries.length,
      entries: entries.length,
    })),
    tornTail:
      tornTail === null
        ? null
        : {
            file: tornTail.path,
            offset: tornTail.offset,
            bytes: withoutTrailingZeros(tornTail.bytes).length,
            reason: tornTail.reason,
          },
  };
}

/** Ends a dump early: not an error. */
class Enough extends Error {}

interface Line {
  readonly seq: number;
  readonly offset: number;
  readonly kind: StoredRecord['kind'] | 'segment' | 'mark';
  readonly group: GroupId | null;
  readonly index: number | null;
  readonly term: number | null;
  /** Of an entry's payload. */
  readonly bytes: number | null;
  readonly detail: string;
}

function dump(dir: string, json: boolean, group: string | null, limit: number): void {
  const { identity, release } = open(dir);
  const rows: string[][] = [];
  let count = 0;
  const print = (line: Line): void => {
    if (group !== null && line.group !== group && !isOriginLogOf(group, line.group)) return;
    if (limit > 0 && count === limit) throw new Enough();
    count++;
    if (json) process.stdout.write(`${JSON.stringify(line)}\n`);
    else
      rows.push(
        [line.seq, line.offset, line.kind, line.group, line.index, line.term, line.bytes, line.detail].map(cell),
      );
  };
  const visitor: ReplayVisitor = {
    segment: (path, header) =>
      print({ ...BLANK, seq: header.firstSeq, offset: 0, kind: 'segment', detail: `${path} of ${header.replica}` }),
    record: (_path, record) => lines(record).forEach(print),
  };
  try {
    const { tornTail } = summary(read(dir, identity, visitor, () => undefined));
    if (tornTail !== null)
      process.stderr.write(`torn tail of ${tornTail.bytes} bytes after offset ${tornTail.offset}\n`);
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
    process.stderr.write(`stopped after ${limit} records; --limit 0 lists all\n`);
  } finally {
    if (!json) printTable(['seq', 'offset', 'kind', 'group', 'index', 'term', 'bytes', ''], rows);
    release();
  }
}

function isOriginLogOf(group: string, log: GroupId | null): boolean {
  return log !== null && parseOriginLog(log)?.group === group;
}

const BLANK = { group: null, index: null, term: null, bytes: null, detail: '' } as const;

function lines({ durableSeq, offset, seq, unit }: ReadRecord): Line[] {
  if (unit.records.length === 0) {
    return [{ ...BLANK, seq, offset, kind: 'mark', detail: `everything up to ${durableSeq} is durable` }];
  }
  return unit.records.map((record): Line => {
    const { group, kind } = record;
    if (kind === 'entry') {
      const { entry } = record;
      const { index, term } = entry;
      return { seq, offset, kind, group, index, term, bytes: entry.payload.length, detail: describeEntry(entry) };
    }
    if (kind === 'hardState') {
      const { hardState, memberships } = record;
      const { commit, term, vote } = hardState;
      const members = memberships === null ? describeFixed(hardState) : describe(memberships);
      const detail = `vote ${vote ?? '-'} commit ${commit} ${members}`.trimEnd();
      return { ...BLANK, seq, offset, kind, group, term, detail };
    }
    const detail = kind === 'checkpoint' && record.replaces === true ? 'of another history' : '';
    return { ...BLANK, seq, offset, kind, group, index: record.index, term: record.term, detail };
  });
}

/** Of leader-follower groups: which write quorum, and whether an epoch began by force (ap.md §1.3.4). */
function describeEntry(entry: Entry): string {
  if (entry.kind === 'quorum') return `quorum ${entry.payload.join(' ')}`;
  const { lossPossible, writeQuorum } = openingOf(entry);
  return `${entry.kind}${lossPossible ? ' by force' : ''}${writeQuorum === null ? '' : ` quorum ${writeQuorum}`}`;
}

/** A leader-follower group has no memberships to show; without a vote its log is being replaced. */
function describeFixed({ term, vote }: HardState): string {
  return vote === null && term > 0 ? 'rebuilding' : '';
}

/** `voters n1 n2 n3`, and while a change is under way what is not committed yet. */
function describe({ committed, latest }: MembershipPair): string {
  const text = ({ learners, outgoing, voters }: Membership): string => {
    const parts = [`voters ${voters.join(' ')}`];
    if (outgoing.length > 0) parts.push(`outgoing ${outgoing.join(' ')}`);
    if (learners.length > 0) parts.push(`learners ${learners.join(' ')}`);
    return parts.join(' ');
  };
  if (latest.index === committed.index) return text(committed.membership);
  return `${text(committed.membership)}, not committed: ${text(latest.membership)}`;
}

function cell(value: string | number | null): string {
  return value === null ? '' : String(value);
}

/** Replays; damage becomes `check_failed` (exit 9), after `onDamage` was told. */
function read(
  dir: string,
  identity: IdentityFile | null,
  visitor: ReplayVisitor,
  onDamage: (error: KvorumError) => void,
): Replay {
  const wanted = identity === null ? null : { cluster: identity.cluster, replica: replicaId(identity.replica) };
  try {
    return replayLog(fs, join(dir, FOLDER.log), wanted, visitor);
  } catch (error) {
    if (!isKvorumError(error) || (error.code !== 'log_corrupt' && error.code !== 'data_dir_mismatch')) throw error;
    onDamage(error);
    throw new KvorumError('check_failed', error.message, { cause: error, extra: error.extra ?? {} });
  }
}

function owner(identity: IdentityFile | null): { cluster: string | null; replica: string | null } {
  return { cluster: identity?.cluster ?? null, replica: identity?.replica ?? null };
}

/** Checks that this is a replica's folder and that no replica runs on it: a log that is written looks torn. */
function open(dir: string): { identity: IdentityFile | null; release: () => void } {
  if (!fs.existsSync(join(dir, FOLDER.log))) {
    throw new KvorumError('usage', `${dir} is not the data folder of a replica: it has no folder '${FOLDER.log}'`);
  }
  const identity = readIdentity(fs, dir);
  const lockFile = join(dir, FOLDER.lock);
  let lock: FolderLock | null = null;
  try {
    if (fs.existsSync(lockFile)) lock = fs.lockSync(lockFile);
  } catch (error) {
    if (isKvorumError(error)) throw error;
    process.stderr.write(`warning: cannot tell whether a replica runs on ${dir}: ${String(error)}\n`);
  }
  return { identity, release: () => lock?.release() };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed');
  return value;
}
