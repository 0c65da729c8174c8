import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ERRORS, type ErrorSpec } from '../../../../src/base/errors/catalogue.js';
import { generateErrorDocs } from '../../../../src/base/errors/docs.js';
import { KvorumError, isKvorumError, toKvorumError } from '../../../../src/base/errors/error.js';
import { projectRoot } from '../../../fixtures/project-root.js';

const docs = join(projectRoot(), 'docs/errors.md');

t.test('docs/errors.md lists exactly the catalogue', async (t) => {
  t.equal(readFileSync(docs, 'utf8'), generateErrorDocs(), 'write what generateErrorDocs returns to docs/errors.md');
});

t.test('every entry can be shown to a user', async (t) => {
  const entries: [string, ErrorSpec][] = Object.entries(ERRORS);
  for (const [code, spec] of entries) {
    t.match(code, /^[a-z][a-z_]*$/);
    t.ok(spec.http >= 400 && spec.http <= 599, code);
    t.match(spec.resp, /^[A-Z]+$/, code);
    t.ok(spec.exit >= 1 && spec.exit <= 9, code);
    t.notMatch(spec.title, /\.$/, `${code}: the title is not a sentence`);
    t.match(spec.help, /\.$/, `${code}: the help is`);
  }
});

t.test('an outcome that is unknown is never called a refusal', async (t) => {
  for (const [code, { http, retry }] of Object.entries<ErrorSpec>(ERRORS)) {
    if (retry === 'outcome-unknown') t.ok(http === 504 || http === 500, code);
    if (http === 504) t.equal(retry, 'outcome-unknown', code);
  }
});

t.test('errors', async (t) => {
  t.equal(new KvorumError('busy').message, ERRORS.busy.title, 'without a detail the title stands alone');
  t.equal(new KvorumError('busy', 'why').message, 'why');
  t.same(new KvorumError('busy', 'why', { extra: { a: 1 } }).extra, { a: 1 });
  const busy = new KvorumError('busy');
  t.equal(toKvorumError(busy), busy);
  const cause = new Error('boom');
  t.match(toKvorumError(cause), { code: 'internal', message: 'boom', cause });
  t.equal(toKvorumError('text').message, 'text');
  t.notOk(isKvorumError(cause));
});
