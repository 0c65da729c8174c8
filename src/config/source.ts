import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { printable, Reporter, type Diagnostic, type Origin } from './diagnostics.js';
import { ConfigError } from './errors.js';
import { suggest } from './suggest.js';

/** A topology is written by hand; anything larger is another file by mistake. */
const FILE_BYTES_MAX = 1024 * 1024;

export type SourcePath = readonly (string | number)[];

/** A parsed YAML file that can tell where each of its values stands. */
export interface Source {
  readonly file: string;
  /** Plain data. */
  readonly value: unknown;
  /** The place of a value, or of its key. Walks up to the nearest parent that is there. */
  locate(path: SourcePath, what: 'key' | 'value'): Place;
  /** What was located at this place earlier; null when the origin is not in the file. */
  excerptAt(origin: Origin): Place['excerpt'] | null;
}

export interface Place {
  readonly at: Origin & { readonly kind: 'file' };
  readonly excerpt: { readonly line: string; readonly length: number };
}

/** Reads a file. Throws ConfigError when it is not there, not readable, or not YAML. */
export function readSource(file: string): Source {
  return parseSource(readText(file), file);
}

function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size <= FILE_BYTES_MAX) return readFileSync(file, 'utf8');
    return fail(`${file} is ${size} bytes long: a topology has at most ${FILE_BYTES_MAX}`);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'EISDIR') return fail(`${file} is a folder: name a topology file in it`);
    if (code !== 'ENOENT') return fail(`cannot read ${file}: ${code}`);
    const near = nearbyFile(file);
    return fail(`there is no file ${file}${near === null ? '' : `; did you mean ${near}?`}`);
  }
}

function fail(message: string): never {
  const reporter = new Reporter();
  reporter.report('error', { kind: 'default' }, message);
  throw new ConfigError(reporter.diagnostics);
}

function nearbyFile(file: string): string | null {
  try {
    const names = readdirSync(dirname(file)).filter((name) => /\.ya?ml$/.test(name));
    const near = suggest(basename(file), names);
    return near === null ? null : join(dirname(file), near);
  } catch {
    return null;
  }
}

/** Parses text; `file` is how messages name it. Throws ConfigError with every syntax error. */
export function parseSource(text: string, file: string): Source {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const lines = text.split(/\r?\n/);
  const place = (start: number, end: number): Place => {
    const { line, col } = counter.linePos(Math.min(start, text.length));
    const at = { kind: 'file', file, line: Math.max(1, line), column: Math.max(1, col) } as const;
    return { at, excerpt: { line: printable(lines[at.line - 1] ?? ''), length: Math.max(1, end - start) } };
  };
  const problems = document.errors.map((error): Diagnostic => {
    const { at, excerpt } = place(error.pos[0], error.pos[1]);
    return { severity: 'error', at, message: printable(syntaxMessage(error.code, error.message)), excerpt };
  });
  if (problems.length > 0) throw new ConfigError(problems);
  const located = new Map<string, Place['excerpt']>();
  return {
    file,
    value: plainValue(document, place(0, 0)),
    locate: (path, what) => {
      const [start, end] = rangeOf(document, path, what);
      const found = place(start, end);
      located.set(`${found.at.line}:${found.at.column}`, found.excerpt);
      return found;
    },
    excerptAt: (origin) => (origin.kind === 'file' ? (located.get(`${origin.line}:${origin.column}`) ?? null) : null),
  };
}

function plainValue(document: Document, start: Place): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ severity: 'error', ...start, message: printable(message) }]);
  }
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands here for the second time: remove one of the two';
  if (code === 'TAB_AS_INDENT') return 'a tab is used to indent: YAML wants spaces';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: a topology is one document';
  return `this is not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

/** Offsets [start, end) of a value or key; of the nearest parent that exists when it does not. */
function rangeOf(document: Document, path: SourcePath, what: 'key' | 'value'): [number, number] {
  let current = resolve(document, document.contents);
  let range = nodeRange(document.contents) ?? [0, 1];
  for (const [depth, part] of path.entries()) {
    const child = childOf(current, part);
    if (child === null) return range;
    const { key, value } = child;
    const last = depth === path.length - 1;
    const chosen = last && what === 'key' ? (key ?? value) : value;
    range = nodeRange(chosen) ?? nodeRange(key) ?? range;
    current = resolve(document, value);
  }
  return range;
}

function childOf(parent: unknown, part: string | number): { key: unknown; value: unknown } | null {
  if (isSeq(parent) && typeof part === 'number') {
    const value = parent.items[part];
    return value === undefined ? null : { key: null, value };
  }
  if (!isMap(parent)) return null;
  const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
  return pair === undefined ? null : { key: pair.key, value: pair.value };
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/** A mapping or list is shown by its first characters only: the caret marks where it begins. */
function nodeRange(node: unknown): [number, number] | null {
  if (!isNode(node)) return null;
  const range = (node as Node).range;
  if (range === undefined || range === null) return null;
  return isMap(node) || isSeq(node) ? [range[0], range[0] + 1] : [range[0], range[1]];
}
