import { register } from 'node:module';

/**
 * `node --import ./dist/test/mutants/register.js …` allows imports of `file.js?mutant=name`. With KVORUM_MUTANT=name the
 * whole program is that mutant: any test or tool can be run so.
 */
register('./hooks.js', {
  parentURL: import.meta.url,
  data: { root: new URL('../../', import.meta.url).href, everywhere: process.env['KVORUM_MUTANT'] ?? null },
});
