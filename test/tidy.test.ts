import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ERRORS } from '../src/base/errors/catalogue.js';
import { VERSION } from '../src/version.js';

/** Checks of the tree itself: sizes, forbidden calls, dead files, folders without a word in the architecture. */
const root = fileURLToPath(new URL('../..', import.meta.url));

const LINES_MAX = 500;
/** Files that something outside the import graph starts. */
const ENTRY_POINTS = [
  'src/index.ts',
  'src/cli/kvorum.cts',
  'src/host/worker.ts',
  'bench/micro/main.ts',
  'bench/macro/peers/main.ts',
  'bench/macro/convergence.ts',
  'bench/macro/engines.ts',
  'bench/macro/failover.ts',
  'bench/macro/restart.ts',
  'test/soak/main.ts',
];

function walk(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(root, path)).isDirectory()) return name === 'generated' ? [] : walk(path);
    return /\.c?ts$/.test(name) ? [path] : [];
  });
}

const sources = ['src', 'native-like', 'bench', 'test'].flatMap(walk);
const text = new Map(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]));

/** Code without comments, so that a word in prose is not a call. */
function code(path: string): string {
  return (text.get(path) ?? '').replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

function offenders(pattern: RegExp, where: (path: string) => boolean): string[] {
  return sources.filter((path) => where(path) && pattern.test(code(path)));
}

t.test('no file is too long to find one’s way in', async (t) => {
  for (const [path, content] of text) {
    const lines = content.split('\n').length;
    t.ok(lines <= LINES_MAX, `${path} has ${lines} lines, at most ${LINES_MAX}`);
  }
});

t.test('forbidden calls stay where they belong', async (t) => {
  const inSrc = (path: string): boolean => path.startsWith('src/');
  t.same(offenders(/\bconsole\./, inSrc), [], 'console is not used: results go to stdout, logs through the logger');
  t.same(
    offenders(/\bprocess\.exit\(/, (path) => inSrc(path) && !path.startsWith('src/cli/')),
    ['src/host/worker.ts'],
    'only the command line and the thread entry end anything',
  );
  t.same(offenders(/\bMath\.random\(/, inSrc), [], 'randomness is injected');
  t.same(offenders(/\bDate\.now\(/, inSrc), ['src/base/clock.ts'], 'the wall clock is read in one place');
  t.same(offenders(/\bas any\b|: any\b|@ts-ignore|@ts-nocheck|@ts-expect-error/, inSrc), [], 'no way around the types');
  t.same(offenders(/\beval\(|new Function\(/, inSrc), [], 'nothing is evaluated');
});

t.test('nothing is left for later', async (t) => {
  const marks = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X\\b'].join(''));
  for (const [path, content] of text) t.notMatch(content, marks, path);
});

/** Local files that `path` imports, as paths of sources. */
function importsOf(path: string): string[] {
  const found = (text.get(path) ?? '').matchAll(/(?:from|import\(|import|new URL\()\s*'(\.{1,2}\/[^']+)'/g);
  return [...found].map(([, specifier]) => {
    const target = relative(root, resolve(root, dirname(path), specifier ?? ''));
    return target.replace(/\.js$/, '.ts').replace(/\.cjs$/, '.cts');
  });
}

t.test('no source file is dead', async (t) => {
  const tests = sources.filter((path) => path.startsWith('test/'));
  const reached = new Set<string>();
  const queue = [...ENTRY_POINTS.filter((path) => text.has(path)), ...tests];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    queue.push(...importsOf(path).filter((target) => text.has(target)));
  }
  const dead = sources.filter((path) => !reached.has(path));
  t.same(dead, [], 'every file is reached from an entry point, or from a test');
});

t.test('every folder of src is explained in docs/architecture.md', async (t) => {
  const architecture = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
  const folders = new Set(sources.filter((path) => path.startsWith('src/')).map((path) => dirname(path)));
  for (const folder of folders) t.match(architecture, `${folder}/`, `docs/architecture.md names ${folder}/`);
});

t.test('every error of the catalogue is used', async (t) => {
  const uses = sources
    .filter((path) => path.startsWith('src/') && !path.endsWith('catalogue.ts'))
    .map(code)
    .join('\n');
  for (const name of Object.keys(ERRORS)) t.match(uses, `'${name}'`, name);
});

t.test('the package says the truth about itself', async (t) => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  t.equal(manifest['version'], VERSION);
  t.match(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), VERSION);
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  t.notMatch(lock, '"resolved"', 'the lock carries no addresses');
  const dependencies = { ...(manifest['dependencies'] as object), ...(manifest['devDependencies'] as object) };
  for (const [name, version] of Object.entries(dependencies)) t.match(version, /^\d/, `${name} is pinned exactly`);
});

t.test('nothing generated is committed', async (t) => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n');
  t.same(
    files.filter((path) => /^(dist|data|\.out|\.tap)\/|\/generated\//.test(path)),
    [],
  );
});
