import { readFileSync } from 'node:fs';
import t from 'tap';
import { MUTANTS } from './catalogue.js';
import { patched } from './patch.js';

const compiled = new URL('../../', import.meta.url);

t.test('every mutant fits the program as it is compiled now', async (t) => {
  for (const mutant of MUTANTS) {
    for (const file of new Set(mutant.edits.map((edit) => edit.file))) {
      const source = readFileSync(new URL(file, compiled), 'utf8');
      t.not(patched(mutant, file, source), source, `${mutant.name}: ${file}`);
    }
  }
});

t.test('an edit that fits nowhere, or twice, is refused', async (t) => {
  const mutant = { name: 'm', title: 't', rule: 'r', edits: [{ file: 'a.js', find: 'x', replace: 'y' }] };
  t.equal(patched(mutant, 'a.js', '-x-'), '-y-');
  t.equal(patched(mutant, 'b.js', 'xx'), 'xx', 'other files stay as they are');
  t.throws(() => patched(mutant, 'a.js', '-'), /0 times/);
  t.throws(() => patched(mutant, 'a.js', 'x-x'), /2 times/);
});

t.test('names are used once', async (t) => {
  t.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});
