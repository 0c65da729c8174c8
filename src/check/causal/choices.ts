import type { CausalOrder } from './order.js';
import { lastBelow } from './order.js';
import { INITIAL, NONE, type Choice, type Records } from './records.js';

/** Why a write cannot be what was read: it was overwritten by this node, or, with NONE, it happened afterwards. */
export interface Refusal {
  readonly candidate: number;
  readonly overwriter: number;
}

export interface Impossible {
  readonly choice: Choice;
  readonly refusals: readonly Refusal[];
  /** A write that happened before the read, so that it cannot have seen the initial state; NONE where it might have. */
  readonly write: number;
}

export interface Settled {
  /** The reads of which one explanation is left; their source is known from now on. */
  readonly forced: readonly { readonly read: number; readonly source: number }[];
  readonly open: readonly Choice[];
  readonly impossible: Impossible | null;
}

/**
 * Looks at the reads that several writes may explain: an absent key without the version of a delete, or a value that was
 * written twice. What is refused stays refused when more becomes known to have happened before: when one explanation is
 * left it is the only one there is, and when none is left there is none (ap.md appendix C, deletes).
 */
export function settle(records: Records, order: CausalOrder, choices: readonly Choice[]): Settled {
  const forced: { read: number; source: number }[] = [];
  const open: Choice[] = [];
  for (const choice of choices) {
    const { candidates, initial, read } = choice;
    const write = firstBefore(records, order, read);
    const isInitial = initial && write === NONE;
    const refusals: Refusal[] = [];
    let possible = isInitial ? 1 : 0;
    let source = NONE;
    for (let at = candidates.length - 1; at >= 0 && possible < 2; at--) {
      const candidate = candidates[at] as number;
      const refusal = refusalOf(records, order, candidate, read);
      if (refusal !== null) refusals.push(refusal);
      else {
        possible++;
        source = candidate;
      }
    }
    if (possible === 0) return { forced, open, impossible: { choice, refusals, write } };
    if (possible > 1) open.push(choice);
    else forced.push({ read, source: isInitial ? INITIAL : source });
  }
  return { forced, open, impossible: null };
}

/** null when the candidate may be what was read. */
function refusalOf(records: Records, order: CausalOrder, candidate: number, read: number): Refusal | null {
  if (order.before(read, candidate)) return { candidate, overwriter: NONE };
  if (!order.before(candidate, read)) return null;
  const { at, keyOf, writers } = records;
  for (const each of writers[keyOf[read] as number] ?? []) {
    const last = lastBelow(each, order.past(read, each.chain), at);
    if (last !== NONE && last !== candidate && order.before(candidate, last)) return { candidate, overwriter: last };
  }
  return null;
}

/** A write of the key that happened before the read, or NONE. */
export function firstBefore({ at, keyOf, writers }: Records, order: CausalOrder, read: number): number {
  for (const each of writers[keyOf[read] as number] ?? []) {
    const last = lastBelow(each, order.past(read, each.chain), at);
    if (last !== NONE) return last;
  }
  return NONE;
}
