import type { Mutant } from './mutant.js';

/** Applies the edits of `mutant` that concern `file`. Throws when one does not fit exactly once. */
export function patched(mutant: Mutant, file: string, source: string): string {
  let text = source;
  for (const edit of mutant.edits) {
    if (edit.file !== file) continue;
    const found = text.split(edit.find).length - 1;
    if (found !== 1) {
      throw new Error(
        `mutant ${mutant.name}: its text is ${found} times in ${file}, and must be there once: ${edit.find}`,
      );
    }
    text = text.replace(edit.find, () => edit.replace);
  }
  return text;
}
