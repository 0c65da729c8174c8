import t from 'tap';
import { MUTANTS } from './catalogue.js';
import { failedAssertion, noticedByTest } from './unit-test.js';

t.test('an assertion that fails is found; a subtest that fails, and what was thrown, are none', async (t) => {
  const thrown =
    '    not ok 1 - boom\n      ---\n      stack: |\n        here\n      tapCaught: testFunctionThrow\n      ...\n';
  const failed = '    not ok 2 - it waits\n      ---\n      at: here\n      ...\n';
  const whole = 'not ok 1 - a subtest # time=3ms\n';
  t.equal(failedAssertion(`    ok 1 - fine\n${failed}${whole}`), 'it waits');
  t.equal(failedAssertion(`${thrown}${failed}${whole}`), 'it waits');
  t.equal(failedAssertion(`${thrown}${whole}`), null);
});

t.test('a test that does not load what was changed proves nothing; one that passes notices nothing', async (t) => {
  const mutant = MUTANTS.find(({ name }) => name === 'siblings-dropped')!;
  await t.rejects(noticedByTest(mutant, 'test/unit/base/errors/docs.test.ts', 120_000), /changes nothing/);
  t.equal(await noticedByTest(mutant, 'test/unit/kv/dotted/lww.test.ts', 120_000), null);
});
