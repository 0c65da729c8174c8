#!/usr/bin/env node
// Writes the documents that are generated from tables in the source; tests keep them equal.
// `node scripts/docs.mjs [outDir]`, after a build.
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outDir = resolve(root, process.argv[2] ?? 'dist');

async function generate(target, module, name) {
  const exports = await import(pathToFileURL(join(outDir, 'src', module)).href);
  writeFileSync(join(root, target), exports[name]());
  process.stdout.write(`${target}\n`);
}

await generate('docs/errors.md', 'base/errors/docs.js', 'generateErrorDocs');
await generate('docs/metrics.md', 'observe/docs.js', 'generateMetricDocs');
await generate('docs/configuration.md', 'config/docs.js', 'generateConfigurationDocs');
await generate('configs/schema.json', 'config/schema.js', 'generateConfigurationSchema');
