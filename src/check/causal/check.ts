import { establish, findOverwrittenRead } from './cc.js';
import { findCyclicConflict } from './ccv.js';
import { CM_OPERATIONS_MAX, findSessionConflict } from './cm.js';
import { recordsOf } from './records.js';
import { createModel } from '../model.js';
import type { Operation } from '../operation.js';
import type { CausalOptions, CausalResult, Evidence } from './types.js';

type Finding = { readonly violation: Evidence | null; readonly undecided: string | null; readonly ambiguous: number };

/**
 * Decides whether a history is causally consistent, by the patterns that no such history has (Bouajjani et al., POPL
 * 2017). That is exact when it is known which write every read has read: values are unique for each key, or reads and
 * writes have versions. Where a read has several explanations, the check refuses it only when none of them holds.
 *
 * `cc` and `ccv` take about a second for 100,000 operations; `cm` is decided for short histories only.
 */
export function checkCausal(history: readonly Operation[], options: CausalOptions = {}): CausalResult {
  const { level = 'ccv' } = options;
  const records = recordsOf(history, createModel('kv', options));
  const { ambiguous, undecided, violation } = find(records, level);
  return {
    verdict: violation !== null ? 'violation' : undecided !== null ? 'unknown' : 'ok',
    level,
    operations: records.size,
    sessions: records.sessions,
    keys: records.keys.length,
    ambiguous,
    violation,
    undecided,
  };
}

const OUT_OF_MEMORY = 'the history has too many sessions for the memory that is allowed';

function find(records: ReturnType<typeof recordsOf>, level: CausalResult['level']): Finding {
  const established = establish(records);
  if ('pattern' in established) return { violation: established, undecided: null, ambiguous: records.choices.length };
  const ambiguous = established.open.length;
  const undecided = (reason: string): Finding => ({ violation: null, undecided: reason, ambiguous });
  if (established.order.isIncomplete) return undecided(OUT_OF_MEMORY);
  const overwritten = findOverwrittenRead(records, established);
  if (overwritten !== null || level === 'cc') return { violation: overwritten, undecided: null, ambiguous };
  if (level === 'ccv') {
    const conflict = findCyclicConflict(records, established);
    return conflict === 'incomplete' ? undecided(OUT_OF_MEMORY) : { violation: conflict, undecided: null, ambiguous };
  }
  if (records.size > CM_OPERATIONS_MAX) {
    return undecided(`cm is checked for at most ${CM_OPERATIONS_MAX} operations; what cc asks for holds`);
  }
  return { violation: findSessionConflict(records, established), undecided: null, ambiguous };
}
