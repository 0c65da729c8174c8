import type { InitializeHook, LoadHook, ResolveHook } from 'node:module';
import { MUTANTS } from './catalogue.js';
import type { Mutant } from './mutant.js';
import { patched } from './patch.js';

/**
 * Hooks of Node's module loader that change compiled files on their way into memory; nothing on disk is touched. Which
 * mutant a module belongs to is told by the address that it is imported by: `run.js?mutant=ack-before-sync`, and
 * everything that such a module imports belongs to the same one. So any number of mutants, and the program itself, live side
 * by side in one process. With KVORUM_MUTANT every module of the program belongs to that mutant.
 */

interface HookData {
  /** Address of the compiled tree, with a slash at the end. */
  readonly root: string;
  readonly everywhere: string | null;
}

const PARAMETER = 'mutant';
/** Never changed, and large: all mutants share it. */
const SHARED = '/generated/';

let data: HookData = { root: '', everywhere: null };

export const initialize: InitializeHook<HookData> = (given) => {
  data = given;
};

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const resolved = await nextResolve(specifier, context);
  const { url } = resolved;
  const name = nameOf(context.parentURL);
  if (name === null || nameOf(url) !== null || !isOurs(url)) return resolved;
  return { ...resolved, url: `${url}?${PARAMETER}=${name}` };
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  const name = nameOf(url) ?? (isOurs(url) ? data.everywhere : null);
  if (name === null) return loaded;
  const mutant = mutantOf(name);
  const file = (url.split('?')[0] ?? url).slice(data.root.length);
  if (!mutant.edits.some((edit) => edit.file === file)) return loaded;
  const source =
    typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
  return { ...loaded, source: `${patched(mutant, file, source)}\n${markOf(mutant, file)}` };
};

/** Tells the main thread that the file was changed: a mutant that was never loaded would look like one never noticed. */
function markOf({ name }: Mutant, file: string): string {
  return `(globalThis.kvorumMutants ??= new Set()).add(${JSON.stringify(`${name} ${file}`)});\n`;
}

function nameOf(url: string | undefined): string | null {
  const query = url?.split('?')[1];
  return query === undefined ? null : new URLSearchParams(query).get(PARAMETER);
}

function isOurs(url: string): boolean {
  return url.startsWith(data.root) && !url.startsWith(`${data.root}test/`) && !url.includes(SHARED);
}

function mutantOf(name: string): Mutant {
  const mutant = MUTANTS.find((candidate) => candidate.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  return mutant;
}
