import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectRoot } from '../fixtures/project-root.js';
import { parseScenario } from './script.js';

/** Every scenario of the folder tells what really happens. `REWRITE=1 node …/scenarios.test.js` writes it down anew. */
const folder = join(projectRoot(), 'test/scenarios');

for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
  t.test(name, async (t) => {
    const path = join(folder, name);
    const scenario = parseScenario(readFileSync(path, 'utf8'));
    const told = scenario.run();
    if (process.env['REWRITE'] === '1') writeFileSync(path, told);
    else t.equal(told, scenario.text, 'the trace in the file is what happens');
    t.equal(scenario.run(), told, 'the same again');
  });
}
