import type { Command } from '../../kv/types.js';

/**
 * What a leaderless keyspace cannot do honestly, or null: whatever is decided by the state at one replica would be decided
 * otherwise at another one (ap.md §1.1). The answer begins a sentence.
 */
export function whatNeedsOrder({ operations, session }: Command): string | null {
  const [first] = operations;
  if (first === undefined || operations.length !== 1) return 'An atomic batch of several operations';
  if (session !== undefined) return 'A client id with a sequence number';
  if (first.op === 'increment') return 'An increment';
  if (first.op === 'append') return 'An append';
  if (first.condition !== undefined) return 'A condition';
  return first.returnPrevious === true ? 'Asking for the value before' : null;
}
