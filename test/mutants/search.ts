import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../fixtures/project-root.js';
import { filesOf, VAGUE, type Finding, type Mutant } from './mutant.js';
import type { ChildMessage, Task } from './task.js';
import { noticedByTest } from './unit-test.js';

/** Tasks of one child: memory that mutants leave behind goes with it. */
const TASKS_PER_CHILD = 16;

export interface SearchOptions {
  /** Processes at the same time. */
  readonly children: number;
  /** A single seed that takes longer hangs: a mutant may loop for ever. */
  readonly seedTimeoutMs: number;
}

export interface Hunt {
  /** Null: the program as it is, which must pass. */
  readonly mutant: Mutant | null;
  /** Not tried for a mutant that has a plan or a test. */
  readonly seeds: readonly number[];
}

export interface Outcome {
  readonly hunt: Hunt;
  /** Null: every seed passed. */
  readonly finding: (Finding & { readonly detail: string }) | null;
}

/** Runs each hunt until its first failing seed; tells every outcome as it comes. */
export async function search(
  hunts: readonly Hunt[],
  options: SearchOptions,
  told: (outcome: Outcome) => void,
): Promise<void> {
  const queue = [...hunts];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const child = startChild();
      try {
        for (let done = 0; next !== undefined;) {
          const finding = await (hasTest(next.mutant)
            ? runTest(next.mutant, options.seedTimeoutMs)
            : runInChild(child, next, options.seedTimeoutMs));
          told({ hunt: next, finding });
          if (++done === TASKS_PER_CHILD || child.exitCode !== null || child.killed) break;
          next = queue.shift();
        }
      } finally {
        child.kill('SIGKILL');
      }
    }
  };
  await Promise.all(Array.from({ length: options.children }, worker));
}

function startChild(): ChildProcess {
  const file = (name: string): string => new URL(name, import.meta.url).href;
  return fork(fileURLToPath(file('./child.js')), [], {
    execArgv: ['--import', file('./register.js')],
    env: { ...process.env, KVORUM_MUTANT: undefined },
  });
}

type Tested = Mutant & { readonly test: string };

function hasTest(mutant: Mutant | null): mutant is Tested {
  return mutant?.test !== undefined;
}

async function runTest(mutant: Tested, timeoutMs: number): Promise<Outcome['finding']> {
  const detail = await noticedByTest(mutant, mutant.test, timeoutMs);
  return detail === null ? null : { seed: null, invariant: mutant.test, detail };
}

function runInChild(child: ChildProcess, { mutant, seeds }: Hunt, seedTimeoutMs: number): Promise<Outcome['finding']> {
  return new Promise((resolve, reject) => {
    const plan = mutant?.plan === undefined ? null : join(projectRoot(), mutant.plan);
    let seed = plan === null ? (seeds[0] ?? 0) : null;
    const end = (act: () => void): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      act();
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      end(() => resolve({ seed, invariant: 'progress', detail: `nothing more happened within ${seedTimeoutMs} ms` }));
    }, seedTimeoutMs);
    child.on('exit', (code, signal) => {
      end(() =>
        reject(new Error(`${mutant?.name}: the child ended with ${code ?? signal} in ${triedAs(seed, mutant)}`)),
      );
    });
    child.on('message', (message: ChildMessage) => {
      if (message.type === 'seed') {
        seed = message.seed;
        timer.refresh();
      } else if (message.type === 'failed') {
        end(() => reject(new Error(`${mutant?.name ?? 'the program as it is'}: ${message.detail}`)));
      } else {
        const found = message.type === 'found' ? message : null;
        end(() =>
          resolve(found === null ? null : { seed: found.seed, invariant: found.invariant, detail: found.detail }),
        );
      }
    });
    const files = mutant === null ? [] : filesOf(mutant);
    const shows = mutant?.shows ?? [];
    const vague = mutant === null ? [] : VAGUE.filter((invariant) => !shows.includes(invariant));
    const { engine = 'raft', faults = null } = mutant ?? {};
    const task: Task = { mutant: mutant?.name ?? null, files, engine, faults, plan, vague, seeds };
    child.send(task);
  });
}

/** What a finding was found with. */
export function triedAs(seed: number | null, mutant: Mutant | null): string {
  if (seed !== null) return `seed ${seed}`;
  return hasTest(mutant) ? 'its test' : 'its plan';
}

export function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}
