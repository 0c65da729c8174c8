import { writeSync } from 'node:fs';

/** Loaded before a test that runs as a mutant: tells, at its end, which files were changed (hooks.ts). */

/** The pipe that the process is given for it (unit-test.ts). */
const WITNESS_FD = 3;

process.on('exit', () => {
  const loaded = (globalThis as { kvorumMutants?: Set<string> }).kvorumMutants ?? [];
  writeSync(WITNESS_FD, JSON.stringify([...loaded]));
});
