import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectRoot } from '../fixtures/project-root.js';
import type { Finding, Mutant } from './mutant.js';
import { search, seedsFrom, triedAs, type Hunt, type Outcome } from './search.js';
import type { Findings } from './table.js';

/**
 * The recorded seed comes first. The others are for the days on which the program or the plans of seeds have changed:
 * then other seeds than before fail, and `node scripts/mutants.mjs` records them.
 */
const SEEDS = 40;

export const findings = JSON.parse(readFileSync(join(projectRoot(), 'test/mutants/found.json'), 'utf8')) as Findings;

function described({ invariant, seed }: Finding, mutant: Mutant): string {
  return `${invariant} in ${triedAs(seed, mutant)}`;
}

/** A test that every one of them is noticed. Several files share the catalogue, so that none takes too long. */
export function testNoticed(which: string, mutants: readonly Mutant[]): void {
  t.test(`reliability.md §3.8: known bugs are noticed: ${which}`, async (t) => {
    const hunts: Hunt[] = mutants.map((mutant) => {
      const recorded = findings[mutant.name]?.seed ?? 1;
      return { mutant, seeds: [recorded, ...seedsFrom(1, recorded + SEEDS)] };
    });
    const outcomes: Outcome[] = [];
    await search(hunts, { children: 1, seedTimeoutMs: 240_000 }, (outcome) => outcomes.push(outcome));
    for (const { hunt, finding } of outcomes) {
      if (hunt.mutant === null) continue;
      t.ok(finding, `${hunt.mutant.name}: ${finding === null ? 'nothing noticed' : described(finding, hunt.mutant)}`);
    }
    t.equal(outcomes.length, hunts.length);
  });
}
