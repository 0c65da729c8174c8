/**
 * `npm run bench -- [--filter substring] [--seconds N] [--json]` runs the micro-benchmarks. `--seconds` is the time per
 * case (default 1); `--json` also writes bench/results/<date>-<commit>.json. Ends with 1 when a case fails.
 */
import { parseArgs } from 'node:util';
import { runCase, sink, type BenchResult } from './harness.js';
import { environment, TABLE_HEADER, tableRow, writeResults } from './report.js';
import { SUITES } from './suites/index.js';

const { values } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    seconds: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error(`--seconds takes a positive number, not '${values.seconds}'`);

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const where = environment();
print(`node ${where.node}, ${where.cpu} x ${where.cpus}, ${where.platform}, commit ${where.commit}`);
print(TABLE_HEADER);
const results: BenchResult[] = [];
// Opening a suite may start workers: a filter that names suites opens only those.
const named = SUITES.filter(({ name }) => name.includes(values.filter) || values.filter.startsWith(`${name}/`));
for (const suite of named.length > 0 ? named : SUITES) {
  const { cases, close } = await suite.create();
  try {
    for (const one of cases) {
      const name = `${suite.name}/${one.name}`;
      if (!name.includes(values.filter)) continue;
      const result = await runCase({ ...one, name }, seconds);
      results.push(result);
      print(tableRow(result));
    }
  } finally {
    await close?.();
  }
}
if (results.length === 0) throw new Error(`no case has '${values.filter}' in its name`);
if (values.json) print(`written to ${writeResults(results, where)}`);
if (Number.isNaN(sink.value)) throw new Error('a case gave no number');
