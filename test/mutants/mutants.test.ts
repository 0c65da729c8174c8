import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectRoot } from '../fixtures/project-root.js';
import { MUTANTS } from './catalogue.js';
import type { Finding, Mutant } from './mutant.js';
import { search, seedsFrom, triedAs, type Hunt, type Outcome } from './search.js';
import { withTable, type Findings } from './table.js';

/**
 * The recorded seed comes first. The others are for the days on which the program or the plans of seeds have changed:
 * then other seeds than before fail, and `node scripts/mutants.mjs` records them.
 */
const SEEDS = 40;
const CLEAN_SEEDS = 4;
const CHILDREN = 2;

function described({ invariant, seed }: Finding, mutant: Mutant): string {
  return `${invariant} in ${triedAs(seed, mutant)}`;
}

const findings = JSON.parse(readFileSync(join(projectRoot(), 'test/mutants/found.json'), 'utf8')) as Findings;

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

t.test('reliability.md §3.8: the simulator notices known bugs, and nothing where there is none', async (t) => {
  const hunts: Hunt[] = MUTANTS.map((mutant) => {
    const recorded = findings[mutant.name]?.seed ?? 1;
    return { mutant, seeds: [recorded, ...seedsFrom(1, recorded + SEEDS)] };
  });
  const outcomes: Outcome[] = [];
  await search(
    [{ mutant: null, seeds: seedsFrom(1, CLEAN_SEEDS) }, ...hunts],
    { children: CHILDREN, seedTimeoutMs: 60_000 },
    (outcome) => outcomes.push(outcome),
  );
  for (const { hunt, finding } of outcomes) {
    if (hunt.mutant === null) t.equal(finding, null, `the program as it is: ${finding?.invariant} ${finding?.detail}`);
    else
      t.ok(finding, `${hunt.mutant.name}: ${finding === null ? 'nothing noticed' : described(finding, hunt.mutant)}`);
  }
  t.equal(outcomes.length, hunts.length + 1);
});
