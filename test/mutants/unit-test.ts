import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { filesOf, type Mutant } from './mutant.js';

/** How a test file ended, run by itself in a process. */
interface Run {
  readonly passed: boolean;
  /** What it wrote, as TAP. */
  readonly output: string;
  /** The marks of the files that were changed (hooks.ts). */
  readonly loaded: readonly string[];
}

/**
 * Runs `file`, a unit test, as the mutant. Returns the first assertion that fails then and holds for the program as it is;
 * null: the test passes. What a test throws is no assertion: a mutant that is merely broken would throw, too.
 */
export async function noticedByTest(mutant: Mutant, file: string, timeoutMs: number): Promise<string | null> {
  const original = await run(file, null, timeoutMs);
  if (!original.passed) throw new Error(`${file} fails also for the program as it is:\n${original.output}`);
  const { loaded, output, passed } = await run(file, mutant.name, timeoutMs);
  const unused = filesOf(mutant).find((each) => !loaded.includes(`${mutant.name} ${each}`));
  if (unused !== undefined)
    throw new Error(`${file} does not load ${unused}: ${mutant.name} changes nothing\n${output}`);
  if (passed) return null;
  const failed = failedAssertion(output);
  if (failed === null) throw new Error(`${file} fails as ${mutant.name}, and no assertion tells why:\n${output}`);
  return failed;
}

async function run(file: string, mutant: string | null, timeoutMs: number): Promise<Run> {
  const here = (name: string): string => new URL(name, import.meta.url).href;
  const compiled = fileURLToPath(new URL(`../../${file.replace(/\.ts$/, '.js')}`, import.meta.url));
  // The runner that started us speaks to its own tests by these.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TAP')));
  const child = spawn(
    process.execPath,
    ['--import', here('./register.js'), '--import', here('./witness.js'), compiled],
    {
      env: { ...env, TAP: '1', KVORUM_MUTANT: mutant ?? undefined },
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  const [output, marks, code] = await Promise.all([text(child.stdout!), text(child.stdio[3] as Readable), ended]);
  if (code === null) throw new Error(`${file} as ${mutant ?? 'the program as it is'} took longer than ${timeoutMs} ms`);
  return { passed: code === 0, output, loaded: marks === '' ? [] : (JSON.parse(marks) as string[]) };
}

/** The name of the first assertion in `tap` that does not hold. Whole subtests, and what was thrown, are none. */
export function failedAssertion(tap: string): string | null {
  for (const [, name = '', details = ''] of tap.matchAll(
    /^ *not ok \d+ - (.*)\n(?: *---\n((?:.*\n)*?) *\.\.\.\n)?/gm,
  )) {
    if (!/# time=/.test(name) && !/^ *tapCaught:/m.test(details)) return name;
  }
  return null;
}
