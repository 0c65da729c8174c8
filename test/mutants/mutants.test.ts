import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectRoot } from '../fixtures/project-root.js';
import { MUTANTS } from './catalogue.js';
import { findings } from './notice.js';
import { search, seedsFrom, type Outcome } from './search.js';
import { withTable } from './table.js';

const CLEAN_SEEDS = 4;

t.test('every mutant has been found, and what was found is in docs/testing.md', async (t) => {
  t.same(
    Object.keys(findings),
    MUTANTS.map(({ name }) => name),
    'node scripts/mutants.mjs searches what is missing',
  );
  const docs = readFileSync(join(projectRoot(), 'docs/testing.md'), 'utf8');
  t.equal(docs, withTable(docs, MUTANTS, findings), 'node scripts/mutants.mjs writes the table');
});

t.test('every plan was written for a mutant', async (t) => {
  const folder = 'test/mutants/plans';
  const plans = readdirSync(join(projectRoot(), folder)).map((name) => `${folder}/${name}`);
  const named = MUTANTS.flatMap(({ plan }) => (plan === undefined ? [] : [plan]));
  t.same(plans.sort(), named.sort());
});

t.test('reliability.md §3.8: nothing is noticed where there is nothing', async (t) => {
  const outcomes: Outcome[] = [];
  await search(
    [{ mutant: null, seeds: seedsFrom(1, CLEAN_SEEDS) }],
    { children: 1, seedTimeoutMs: 240_000 },
    (outcome) => outcomes.push(outcome),
  );
  t.match(outcomes, [{ finding: null }], `the program as it is: ${outcomes[0]?.finding?.detail}`);
});
