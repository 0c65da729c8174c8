import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../base/clock.js';
import { VERSION } from '../version.js';

/** Where figures come from: without it they cannot be compared with others. */
export interface Machine {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly version: string;
  /** Of the checkout that the generator runs from, `-dirty` when it has changes; null outside of one. */
  readonly commit: string | null;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    date: new Date(systemClock.wallMs()).toISOString(),
    version: VERSION,
    commit: commitOf(dirname(fileURLToPath(import.meta.url))),
    node: process.version,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${platform()} ${release()} ${arch()}`,
  };
}

/** Null when the folder is in no checkout of this program (but in one of somebody else's, for example). */
function commitOf(folder: string): string | null {
  try {
    const root = git(folder, 'rev-parse', '--show-toplevel');
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name?: unknown };
    return manifest.name === 'kvorum' ? git(folder, 'describe', '--always', '--dirty', '--exclude=*') : null;
  } catch {
    return null;
  }
}

function git(folder: string, ...args: string[]): string {
  return execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
