import t from 'tap';
import type { ReplicaId } from '../../../../../src/base/brand.js';
import { isQuorum, quorumsOverlap } from '../../../../../src/sim/checks/raft/quorums.js';
import { entry, placed, Stage } from './stage.js';

const OLD = { voters: ['n1', 'n2', 'n3'] };

/** n1 leads term 2 and has committed its first entry, at 2. */
function leader(): Stage {
  const stage = new Stage('n1', 'n2', 'n3', 'n4', 'n5').elect('n1', 2, ['n2'], [1]);
  return stage.everywhere(['n1', 'n2'], 2, [entry(1, 1), entry(2, 2)]).turn('n1', { commit: 2 });
}

const change = (stage: Stage, index: number, membership: Parameters<typeof placed>[1]): Stage =>
  stage.turn('n1', {
    terms: [1, ...Array.from({ length: index - 1 }, () => 2)],
    membership: placed(index, membership),
  });

t.test('M1: one change at a time', (t) => {
  const joint = { voters: ['n1', 'n2', 'n3', 'n4'], outgoing: ['n1', 'n2', 'n3'] };
  const begun = change(leader(), 3, joint);
  t.equal(
    Stage.broken(() => change(begun, 4, { voters: joint.voters })),
    'one-change',
    'the first one is not committed',
  );
  const done = change(leader(), 3, joint).everywhere(['n1', 'n2', 'n4'], 2, [entry(1, 1), entry(2, 2), entry(3, 2)]);
  done.turn('n1', { commit: 3 });
  t.equal(
    Stage.broken(() => change(done, 4, { voters: joint.voters })),
    null,
  );
  t.end();
});

t.test('M1: no change before the leader has committed an entry of its own term', (t) => {
  const early = new Stage().turn('n1', { terms: [1], commit: 1 }).elect('n1', 2, ['n2'], [1]);
  t.equal(
    Stage.broken(() => change(early, 3, { ...OLD, learners: ['n4'] })),
    'one-change',
  );
  t.end();
});

t.test('C5: any quorum of before meets any quorum of after', (t) => {
  t.equal(
    Stage.broken(() => change(leader(), 3, { voters: ['n1', 'n2', 'n3', 'n4'] })),
    null,
    'one more voter is safe by itself',
  );
  t.equal(
    Stage.broken(() => change(leader(), 3, { voters: ['n1', 'n2', 'n3', 'n4', 'n5'] })),
    'quorums-overlap',
  );
  t.equal(
    Stage.broken(() => change(leader(), 3, { voters: ['n1', 'n2', 'n3', 'n4', 'n5'], outgoing: ['n1', 'n2', 'n3'] })),
    null,
  );
  t.end();
});

t.test('M3: a removed id is remembered and never comes back', (t) => {
  t.equal(
    Stage.broken(() => change(leader(), 3, { voters: ['n1', 'n2'], removed: ['n3'] })),
    null,
  );
  t.equal(
    Stage.broken(() => change(leader(), 3, { voters: ['n1', 'n2'] })),
    'removed-stay-removed',
  );
  t.equal(
    Stage.broken(() => new Stage().turn('n2', { membership: placed(9, { ...OLD, removed: ['n3'] }) })),
    'removed-stay-removed',
  );
  t.end();
});

t.test('a learner is no voter', (t) => {
  t.equal(
    Stage.broken(() => change(leader(), 3, { ...OLD, learners: ['n3'] })),
    'membership-shape',
  );
  t.end();
});

t.test('a follower takes over any number of changes at once', (t) => {
  const stage = new Stage().turn('n2', { membership: placed(3, OLD) });
  t.equal(
    Stage.broken(() => stage.turn('n2', { membership: placed(9, { voters: ['n4', 'n5'] }) })),
    null,
  );
  t.end();
});

t.test('quorums: a half is no majority, and a joint membership needs both sides', (t) => {
  const { membership } = placed(0, { voters: ['a', 'b', 'c', 'd'], outgoing: ['d', 'e', 'f'] });
  const holds =
    (...ids: string[]) =>
    (id: ReplicaId): boolean =>
      ids.includes(id);
  t.notOk(isQuorum(membership, holds('a', 'b', 'e', 'f')));
  t.notOk(isQuorum(membership, holds('a', 'b', 'c')));
  t.ok(isQuorum(membership, holds('a', 'b', 'd', 'e')));
  t.ok(quorumsOverlap(placed(0, { voters: ['a'] }).membership, placed(0, { voters: ['a', 'b'] }).membership));
  t.notOk(quorumsOverlap(placed(0, { voters: ['a'] }).membership, placed(0, { voters: ['b'] }).membership));
  t.end();
});
