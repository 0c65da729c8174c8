import { join } from 'node:path';
import { KvorumError } from '../base/errors/error.js';
import { VERSION } from '../version.js';
import { readFileSync, replaceFileSync, type FileSystem } from './file-system.js';
import type { StorageIdentity } from './storage.js';
import { FORMAT_VERSION } from './wal/format.js';

const FILE_NAME = 'IDENTITY';

export interface IdentityFile {
  readonly formatVersion: number;
  readonly cluster: string;
  readonly replica: string;
  /** The version of Kvorum that created the folder. */
  readonly createdBy: string;
}

/** Whose folder this is, or null when it is new. Throws data_dir_mismatch when the file makes no sense. */
export function readIdentity(fs: FileSystem, dir: string): IdentityFile | null {
  const path = join(dir, FILE_NAME);
  if (!fs.existsSync(path)) return null;
  const text = readFileSync(fs, path).toString('utf8');
  const value = parse(text);
  const { formatVersion, cluster, replica, createdBy } = value;
  if (typeof formatVersion !== 'number' || typeof cluster !== 'string' || typeof replica !== 'string') {
    throw new KvorumError('data_dir_mismatch', `${path} does not say whose folder this is: ${text.slice(0, 200)}`);
  }
  return { formatVersion, cluster, replica, createdBy: typeof createdBy === 'string' ? createdBy : 'unknown' };
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

export function writeIdentity(fs: FileSystem, dir: string, identity: StorageIdentity): void {
  const file: IdentityFile = { formatVersion: FORMAT_VERSION, ...identity, createdBy: VERSION };
  replaceFileSync(fs, dir, join(dir, FILE_NAME), Buffer.from(`${JSON.stringify(file, null, 2)}\n`));
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
