import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { KvorumError } from '../base/errors/error.js';
import { errorCode, type FolderLock } from './file-system.js';

/** Folders held by this process through the pid file (the kernel knows of the others). */
const heldByPidFile = new Set<string>();

/**
 * Takes the lock file at `path`. Node has no flock(2), but flock(1) can lock *our* open file description: it is
 * inherited as descriptor 3, and the lock belongs to the description, not to the process that took it. The kernel
 * releases it when we close the file or die, so there is no stale lock after kill -9 (reliability.md §0.12).
 */
export function lockFolder(path: string): FolderLock {
  const fd = fs.openSync(path, 'a+', 0o600);
  try {
    const status = flock(fd);
    if (status === 'missing') return lockByPidFile(path, fd);
    if (status === 'held') throw lockedError(path, fd);
    writePid(fd);
    return { release: () => fs.closeSync(fd) };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function flock(fd: number): 'taken' | 'held' | 'missing' {
  const result = spawnSync('flock', ['-xn', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (result.error !== undefined) {
    if (errorCode(result.error) === 'ENOENT') return 'missing';
    throw result.error;
  }
  return result.status === 0 ? 'taken' : 'held';
}

/**
 * Where flock(1) does not exist: the process id in the file, checked for life. Weaker: a reused process id looks like
 * a holder, and two starts in the same instant may both pass.
 */
function lockByPidFile(path: string, fd: number): FolderLock {
  const holder = readPid(fd);
  const own = holder === process.pid;
  const held = own ? heldByPidFile.has(path) : holder !== null && isAlive(holder);
  if (held) throw lockedError(path, fd);
  writePid(fd);
  heldByPidFile.add(path);
  return {
    release: (): void => {
      heldByPidFile.delete(path);
      fs.ftruncateSync(fd, 0);
      fs.closeSync(fd);
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function writePid(fd: number): void {
  fs.ftruncateSync(fd, 0);
  fs.writeSync(fd, `${process.pid}\n`, 0, 'latin1');
}

function readPid(fd: number): number | null {
  const bytes = Buffer.alloc(32);
  const length = fs.readSync(fd, bytes, 0, bytes.length, 0);
  const pid = Number.parseInt(bytes.toString('latin1', 0, length), 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
}

function lockedError(path: string, fd: number): KvorumError {
  const pid = readPid(fd);
  const holder = pid === null ? 'another process' : pid === process.pid ? 'this process' : `process ${pid}`;
  return new KvorumError('data_dir_locked', `${path} is held by ${holder}`, { extra: { pid } });
}
