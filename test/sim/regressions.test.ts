import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadPlanFile } from '../../src/sim/plan/file.js';
import { runTwice } from '../../src/sim/runner/determinism.js';
import { projectRoot } from '../fixtures/project-root.js';

/** Plans that failed once, reduced (reliability.md §3.4). What they are about stands in each file. */
const folder = join(projectRoot(), 'test/regressions');

for (const name of readdirSync(folder).filter((each) => each.endsWith('.json'))) {
  const { about, plan } = loadPlanFile(join(folder, name));
  t.test(`${name}: ${about}`, async (t) => {
    t.same((await runTwice(plan)).violation, null);
  });
}
