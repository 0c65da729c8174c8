/**
 * Redis' stringmatchlen over byte strings: `*`, `?`, `[a-c]`, `[^x]`, `\` escapes. Linear space, and time at most the
 * product of the lengths: on a mismatch only the last star is tried again.
 */
export function globMatches(pattern: string, text: string, ignoreCase = false): boolean {
  const wanted = ignoreCase ? pattern.toLowerCase() : pattern;
  const given = ignoreCase ? text.toLowerCase() : text;
  let at = 0;
  let from = 0;
  let starAt = -1;
  let starFrom = 0;
  while (from < given.length) {
    if (wanted[at] === '*') {
      starAt = ++at;
      starFrom = from;
      continue;
    }
    const next = at < wanted.length ? matchOne(wanted, at, given.charCodeAt(from)) : -1;
    if (next !== -1) {
      at = next;
      from++;
    } else if (starAt !== -1) {
      at = starAt;
      from = ++starFrom;
    } else {
      return false;
    }
  }
  while (wanted[at] === '*') at++;
  return at >= wanted.length;
}

/** Where the pattern goes on when its element at `at` matches `code`, otherwise -1. */
function matchOne(pattern: string, at: number, code: number): number {
  const element = pattern[at];
  if (element === '?') return at + 1;
  if (element === '[') return matchClass(pattern, at + 1, code);
  const literal = element === '\\' && at + 1 < pattern.length ? at + 1 : at;
  return pattern.charCodeAt(literal) === code ? literal + 1 : -1;
}

function matchClass(pattern: string, start: number, code: number): number {
  const negated = pattern[start] === '^';
  let at = negated ? start + 1 : start;
  let matched = false;
  while (at < pattern.length && pattern[at] !== ']') {
    if (pattern[at] === '\\' && at + 1 < pattern.length) {
      at++;
      matched ||= pattern.charCodeAt(at) === code;
    } else if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      const low = Math.min(pattern.charCodeAt(at), pattern.charCodeAt(at + 2));
      const high = Math.max(pattern.charCodeAt(at), pattern.charCodeAt(at + 2));
      matched ||= code >= low && code <= high;
      at += 2;
    } else {
      matched ||= pattern.charCodeAt(at) === code;
    }
    at++;
  }
  return matched === negated ? -1 : at + 1;
}
