import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHistory } from '../../../src/check/history.js';
import type { Operation } from '../../../src/check/operation.js';
import { projectRoot } from '../../fixtures/project-root.js';

export const HISTORIES = join(projectRoot(), 'test/fixtures/histories');

export interface Fixture {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly verdict: 'ok' | 'violation';
}

/** Small histories of one key each; their names say what is right. */
export function fixtures(): Fixture[] {
  return readdirSync(HISTORIES).map((file) => ({
    name: file.replace('.ndjson', '').replaceAll('-', ' '),
    operations: parseHistory(readFileSync(join(HISTORIES, file), 'utf8'), file),
    verdict: file.startsWith('ok-') ? 'ok' : 'violation',
  }));
}

type Part = Partial<Operation> & Pick<Operation, 'kind'>;

/** `op([call, return], {…})`: an operation on key x that ended well; without a return its outcome is unknown. */
export function op([call, end]: readonly [number, number?], part: Part): Operation {
  return {
    client: `c${call}`,
    key: 'x',
    value: null,
    call,
    return: end ?? null,
    outcome: end === undefined ? 'unknown' : 'ok',
    ...part,
  };
}

/**
 * Appends of different lengths all at once, and a read that is one too long: no order fits, and to know that, a search has
 * to try about every set of them. `start` is what the key starts with.
 */
export function undecidable(key: string, start = ''): Operation[] {
  const lengths = Array.from({ length: 40 }, (_, at) => at + 1);
  const appends = lengths.map((length) =>
    op([0, 1000], { kind: 'append', client: `w${length}`, key, value: 'a'.repeat(length) }),
  );
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return [...appends, op([2000, 2001], { kind: 'get', client: 'r', key, value: `${start}${'a'.repeat(total + 1)}` })];
}
