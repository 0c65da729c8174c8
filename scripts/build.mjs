#!/usr/bin/env node
// Builds Kvorum: protobuf code first (src/wire/generated, never committed), then TypeScript to dist/.
// `node scripts/build.mjs [outDir]`
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = process.argv[2] ?? 'dist';
const protoDir = join(root, 'src/wire/proto');
const generatedDir = join(root, 'src/wire/generated');

function run(bin, args) {
  execFileSync(join(root, 'node_modules/.bin', bin), args, { cwd: root, stdio: 'inherit' });
}

function newestMs(paths) {
  return Math.max(0, ...paths.filter(existsSync).map((path) => statSync(path).mtimeMs));
}

function generateProtobuf() {
  const protos = readdirSync(protoDir).filter((name) => name.endsWith('.proto'));
  if (protos.length === 0) return;
  const sources = protos.map((name) => join(protoDir, name));
  const target = join(generatedDir, 'messages.js');
  if (existsSync(target) && newestMs([target]) > newestMs([...sources, fileURLToPath(import.meta.url)])) return;
  mkdirSync(generatedDir, { recursive: true });
  const flags = [
    '-t',
    'static-module',
    '-w',
    'esm',
    '--no-create',
    '--no-verify',
    '--no-delimited',
    '--no-service',
    '--force-number',
  ];
  run('pbjs', [...flags, '--dts', '-o', target, ...sources]);
}

if (existsSync(protoDir)) generateProtobuf();
if (outDir === 'dist') rmSync(join(root, 'dist'), { recursive: true, force: true });
if (existsSync(generatedDir)) {
  cpSync(generatedDir, join(root, outDir, 'src/wire/generated'), { recursive: true });
}
try {
  run('tsc', ['-p', '.', '--outDir', outDir]);
} catch {
  process.exit(1); // The compiler has said what is wrong.
}
const main = join(root, outDir, 'src/cli/kvorum.cjs');
if (existsSync(main)) chmodSync(main, 0o755);
