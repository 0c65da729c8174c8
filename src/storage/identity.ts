import { join } from 'node:path';
import { assert } from '../base/assert.js';
import { replicaId } from '../base/brand.js';
import { KvorumError } from '../base/errors/error.js';
import { VERSION } from '../version.js';
import { readFileSync, replaceFileSync, type FileSystem } from './file-system.js';
import type { FormationRecord, FormingFolder, StorageIdentity } from './storage.js';
import { FORMAT_VERSION } from './wal/format.js';
import { readWriting, type WritingRecord } from './writing.js';

const FILE_NAME = 'IDENTITY';

export interface IdentityFile {
  readonly formatVersion: number;
  readonly cluster: string;
  readonly replica: string;
  /** The version of Kvorum that created the folder. */
  readonly createdBy: string;
  /** Null in folders from before folders had names. */
  readonly folder: string | null;
  readonly formation: FormationRecord | null;
  /** Null until the first leaderless group writes. */
  readonly writing: WritingRecord | null;
}

/** Whose folder this is, or null when it is new. Throws data_dir_mismatch when the file makes no sense. */
export function readIdentity(fs: FileSystem, dir: string): IdentityFile | null {
  const path = join(dir, FILE_NAME);
  if (!fs.existsSync(path)) return null;
  const text = readFileSync(fs, path).toString('utf8');
  const { formatVersion, cluster, replica, createdBy, folder = null, formation = null, writing = null } = parse(text);
  const record = readFormation(formation);
  const writer = readWriting(writing);
  const named = folder === null || (typeof folder === 'string' && folder !== '');
  if (typeof formatVersion !== 'number' || typeof cluster !== 'string' || typeof replica !== 'string') {
    throw new KvorumError('data_dir_mismatch', `${path} does not say whose folder this is: ${text.slice(0, 200)}`);
  }
  if (!named || record === undefined) {
    // Not guessed: a replica that forgot that its cluster is formed could form another one.
    throw new KvorumError(
      'data_dir_mismatch',
      `${path} does not say how the cluster was formed: ${text.slice(0, 500)}`,
    );
  }
  if (writer === undefined) {
    // Nor this: the replica could use positions again that others know as other writes.
    throw new KvorumError('data_dir_mismatch', `${path} does not say who writes from it: ${text.slice(0, 500)}`);
  }
  const by = typeof createdBy === 'string' ? createdBy : 'unknown';
  return { formatVersion, cluster, replica, createdBy: by, folder, formation: record, writing: writer };
}

/** Undefined: not readable. */
function readFormation(value: unknown): FormationRecord | null | undefined {
  if (value === null) return null;
  const { prepared, formed, joining, refused } = recordOf(value);
  if (!Array.isArray(prepared) || typeof formed !== 'boolean' || typeof joining !== 'boolean') return undefined;
  const folders: FormingFolder[] = [];
  for (const item of prepared) {
    const { id, folder } = recordOf(item);
    if (typeof id !== 'string' || id === '' || (typeof folder !== 'string' && folder !== null)) return undefined;
    folders.push({ id: replicaId(id), folder });
  }
  if (refused !== undefined && typeof refused !== 'string') return undefined;
  return { prepared: folders, formed, joining, ...(refused === undefined ? {} : { refused }) };
}

/** Throws data_dir_mismatch or data_dir_newer unless the folder is ours (reliability.md §2.4). */
export function checkIdentity(dir: string, found: IdentityFile, wanted: StorageIdentity): void {
  if (found.formatVersion > FORMAT_VERSION) {
    throw new KvorumError(
      'data_dir_newer',
      `${dir} has format ${found.formatVersion}, written by Kvorum ${found.createdBy}; ` +
        `this is Kvorum ${VERSION}, which knows formats up to ${FORMAT_VERSION}`,
    );
  }
  if (found.cluster === wanted.cluster && found.replica === wanted.replica) return;
  throw new KvorumError(
    'data_dir_mismatch',
    `${dir} belongs to replica '${found.replica}' of cluster '${found.cluster}', ` +
      `not to replica '${wanted.replica}' of cluster '${wanted.cluster}'`,
  );
}

export function writeIdentity(fs: FileSystem, dir: string, { writing, ...identity }: IdentityFile): void {
  const content = writing === null ? identity : { ...identity, writing };
  replaceFileSync(fs, dir, join(dir, FILE_NAME), Buffer.from(`${JSON.stringify(content, null, 2)}\n`));
}

/**
 * The identity of a folder that is open, complete: a new one, and one from before there were names, gets its name here.
 * `used`: its log holds something that others may rely on.
 */
export function completeIdentity(
  found: IdentityFile | null,
  wanted: StorageIdentity,
  used: boolean,
  nameFolder: () => string,
): IdentityFile {
  if (found !== null && found.folder !== null) return found;
  assert(found !== null || !used, 'a log in use without an identity is refused');
  const folder = nameFolder();
  assert(/^[0-9a-f]{32}$/.test(folder), 'the name of a folder is 16 bytes in hexadecimal');
  // What voted before there was a formation belongs to a cluster that exists; nobody knows the names of its folders.
  const formation = used ? { prepared: [], formed: true, joining: false } : null;
  const { formatVersion, createdBy } = found ?? { formatVersion: FORMAT_VERSION, createdBy: VERSION };
  return { formatVersion, ...wanted, createdBy, folder, formation, writing: found?.writing ?? null };
}

/** Asserts what a replica may rely on for ever: see FormationRecord. */
export function checkFormationStep(before: FormationRecord | null, after: FormationRecord): void {
  if (before === null) return;
  const same = (a: FormingFolder, b: FormingFolder | undefined): boolean =>
    a.id === b?.id && (a.folder === b.folder || (a.folder === null && before.formed));
  const kept = before.prepared.every((named, at) => same(named, after.prepared[at]));
  const whole = before.prepared.length === 0 || before.prepared.length === after.prepared.length;
  assert(kept && whole, 'what was prepared is never changed; only names that were not known are filled in');
  assert(after.formed || !before.formed, 'what was formed stays formed');
  assert(after.joining === before.joining, 'a replica is among the first, or joins');
  assert(before.refused === undefined || after.refused !== undefined, 'what was refused for good stays so');
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
