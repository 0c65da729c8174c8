#!/usr/bin/env node
// Writes the generated documents from the tables they are made of. `npm run build && node scripts/docs.mjs [outDir]`
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = pathToFileURL(`${resolve(root, process.argv[2] ?? 'dist')}/src/`);
const load = (module) => import(new URL(module, out).href);

const { generateConfigurationDocs } = await load('config/docs.js');
const { generateConfigurationSchema } = await load('config/schema.js');
const { generateErrorDocs } = await load('base/errors/docs.js');
const { generateMetricDocs } = await load('observe/docs.js');
const write = (path, content) => writeFileSync(resolve(root, path), content);
write('docs/configuration.md', generateConfigurationDocs());
write('configs/schema.json', generateConfigurationSchema());
write('docs/errors.md', generateErrorDocs());
write('docs/metrics.md', generateMetricDocs());
