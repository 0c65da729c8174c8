import t from 'tap';
import { groupId, logIndex, replicaId, term } from '../../../../src/base/brand.js';
import type { Entry } from '../../../../src/engines/raft/messages.js';
import { reconcile } from '../../../../src/replica/raft/recover.js';
import type { CheckpointMark, RecoveredGroup } from '../../../../src/storage/storage.js';
import { formedBy, pairOf } from '../../../fixtures/membership.js';

const GROUP = groupId('default', 0);
const membership = formedBy('n1', 'n2', 'n3');
const memberships = pairOf('n1', 'n2', 'n3');

function log(base: number, baseTerm: number, terms: readonly number[], of = 9): RecoveredGroup {
  const entries: Entry[] = terms.map((entryTerm, at) => ({
    index: logIndex(base + 1 + at),
    term: term(entryTerm),
    kind: 'noop',
    payload: new Uint8Array(0),
  }));
  const hardState = { term: term(of), vote: replicaId('n2'), commit: logIndex(base) };
  return { hardState, memberships, baseIndex: logIndex(base), baseTerm: term(baseTerm), entries };
}
function mark(index: number, of: number): CheckpointMark {
  return { index: logIndex(index), term: term(of), membership, meta: new Uint8Array(0) };
}

t.test('nothing, or a log without a checkpoint', async (t) => {
  t.match(reconcile(GROUP, undefined, null), { hardState: null, baseIndex: 0, appliedIndex: 0, entries: [] });
  t.match(reconcile(GROUP, log(0, 0, [1, 1]), null), { baseIndex: 0, appliedIndex: 0, entries: { length: 2 } });
});

t.test('a checkpoint within the log keeps the whole log', async (t) => {
  const found = reconcile(GROUP, log(2, 1, [1, 2, 2]), mark(4, 2));
  t.match(found, { baseIndex: 2, baseTerm: 1, appliedIndex: 4, entries: { length: 3 } });
  t.match(found.hardState, { term: 9, vote: 'n2', commit: 4 });
});

t.test('a checkpoint ahead of the log, or at odds with it, restarts the log (raft.md S5)', async (t) => {
  for (const recovered of [log(0, 0, [1, 1]), log(0, 0, [1, 1, 1, 1, 1, 1, 1]), undefined]) {
    const found = reconcile(GROUP, recovered, mark(5, 3));
    t.match(found, { baseIndex: 5, baseTerm: 3, appliedIndex: 5, entries: { length: 0 } });
  }
});

t.test('a checkpoint of a newer term raises ours, without a vote', async (t) => {
  t.match(reconcile(GROUP, log(0, 0, [1], 1), mark(5, 3)).hardState, { term: 3, vote: null, commit: 5 });
  t.match(reconcile(GROUP, undefined, mark(5, 3)).hardState, { term: 3, vote: null, commit: 5 });
});

t.test('a log that begins after the checkpoint has lost entries', async (t) => {
  t.throws(() => reconcile(GROUP, log(7, 1, [1]), mark(6, 1)), { code: 'checkpoint_corrupt' });
  t.throws(() => reconcile(GROUP, log(7, 1, [1]), null), { code: 'checkpoint_corrupt' });
});
