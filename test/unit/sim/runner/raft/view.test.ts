import t from 'tap';
import { replicaId } from '../../../../../src/base/brand.js';
import { votersOnly, type Membership } from '../../../../../src/engines/raft/membership.js';
import type { MembershipRequest } from '../../../../../src/replica/router.js';
import { decides, withPending } from '../../../../../src/sim/runner/raft/view.js';

const ids = (text: string): Membership['voters'] => text.split('').map(replicaId);

function membership(voters: string, learners = ''): Membership {
  return { ...votersOnly(ids(voters)), learners: ids(learners) };
}

function remove(id: string): MembershipRequest {
  return { op: 'remove', replica: replicaId(id) };
}

function promote(id: string): MembershipRequest {
  return { op: 'promote', replica: replicaId(id), untilCaughtUp: false };
}

/** `voters (outgoing)` of what may follow. */
function shown(live: readonly Membership[], ...pending: readonly MembershipRequest[]): readonly string[] {
  return withPending(live, pending).map(({ outgoing, voters }) => `${voters.join('')} (${outgoing.join('')})`);
}

t.test('a core must decide in what may come of requests that are under way, too (raft.md M8)', async (t) => {
  t.strictSame(shown([membership('abc')]), ['abc ()']);
  t.strictSame(shown([membership('abc')], remove('b')), ['abc ()', 'ac (abc)']);
  const core = ids('bc');
  const holds = (id: string): boolean => core.some((each) => each === id);
  t.ok(decides(membership('abc'), holds));
  t.notOk(
    withPending([membership('abc')], [remove('b')]).every((each) => decides(each, holds)),
    'without b, c cannot do anything alone',
  );
  t.strictSame(shown([membership('abc')], remove('b'), remove('b')), ['abc ()', 'ac (abc)'], 'asked for again');
});

t.test('one change may follow another one', async (t) => {
  t.strictSame(shown([membership('abc')], remove('a'), remove('b')), [
    'abc ()',
    'bc (abc)',
    'ac (abc)',
    'c (bc)',
    'c (ac)',
  ]);
  t.strictSame(shown([membership('ab', 'd')], promote('d'), remove('a')), [
    'ab ()',
    'abd (ab)',
    'b (ab)',
    'bd (abd)',
    'bd (b)',
  ]);
});

t.test('what is refused changes nothing: the last voter, whom nobody knows', async (t) => {
  t.strictSame(shown([membership('a', 'b')], remove('a'), remove('b'), remove('x'), promote('x')), ['a ()']);
});
