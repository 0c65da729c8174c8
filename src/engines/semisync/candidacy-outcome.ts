import { assertDefined } from '../../base/assert.js';
import type { LogIndex } from '../../base/brand.js';
import type { PromotionOutcome } from './events.js';
import type { SemisyncState } from './state.js';

/** An attempt to lead is over; an operator's is answered. Null: this member leads, and its epoch begins at `index`. */
export function concludeCandidacy(
  state: SemisyncState,
  refused: PromotionOutcome['refused'],
  index: LogIndex = 0 as LogIndex,
): void {
  const { answers, lossPossible, request, required } = assertDefined(state.candidacy, 'an attempt is under way');
  state.candidacy = null;
  if (request === null) return;
  state.outbox.promotions.push({
    id: request.id,
    accepted: refused === null ? { term: state.term, index } : null,
    refused,
    promised: [...answers.keys()].sort(),
    required,
    lossPossible: refused === null && lossPossible,
  });
}
