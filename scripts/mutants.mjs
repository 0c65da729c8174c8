#!/usr/bin/env node
// Searches the first seed that notices each mutant, or runs the plan or the test that was written for it, and
// writes test/mutants/found.json and the table in docs/testing.md.
// `node scripts/mutants.mjs [--seeds N] [--out dist] [--children N] [name …]`, after a build.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '2000' },
    out: { type: 'string', default: 'dist' },
    children: { type: 'string', default: '2' },
  },
});
const module = (name) => import(pathToFileURL(join(resolve(root, values.out), 'test/mutants', name)).href);
const { MUTANTS } = await module('catalogue.js');
const { search, seedsFrom, triedAs } = await module('search.js');
const { withTable } = await module('table.js');

const foundFile = join(root, 'test/mutants/found.json');
const docsFile = join(root, 'docs/testing.md');
const before = existsSync(foundFile) ? JSON.parse(readFileSync(foundFile, 'utf8')) : {};
const found = {};
for (const { name } of MUTANTS) if (before[name] !== undefined) found[name] = before[name];

function write() {
  const ordered = Object.fromEntries(MUTANTS.flatMap(({ name }) => (found[name] ? [[name, found[name]]] : [])));
  writeFileSync(foundFile, `${JSON.stringify(ordered, null, 2)}\n`);
  writeFileSync(docsFile, withTable(readFileSync(docsFile, 'utf8'), MUTANTS, ordered));
}

const wanted = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const seeds = seedsFrom(1, Number(values.seeds));
const startMs = performance.now();
await search(
  wanted.map((mutant) => ({ mutant, seeds })),
  { children: Number(values.children), seedTimeoutMs: 30_000 },
  ({ hunt, finding }) => {
    const seconds = Math.round((performance.now() - startMs) / 1000);
    const what =
      finding === null ? 'NOT FOUND' : `${triedAs(finding.seed, hunt.mutant)}: ${finding.invariant}: ${finding.detail}`;
    process.stdout.write(`${seconds} s  ${hunt.mutant.name}  ${what}\n`);
    if (finding === null) delete found[hunt.mutant.name];
    else found[hunt.mutant.name] = { seed: finding.seed, invariant: finding.invariant };
    write();
  },
);
