import t from 'tap';
import { entry, hardState, placed, Stage } from './stage.js';

t.test('election safety: two leaders of two terms are fine, of one term are not', (t) => {
  const stage = new Stage().elect('n1', 1, ['n2']);
  t.equal(
    Stage.broken(() => stage.elect('n2', 2, ['n3'])),
    null,
  );
  t.equal(
    Stage.broken(() => stage.turn('n3', { role: 'leader', term: 1, terms: [1] })),
    'election-safety',
  );
  t.end();
});

t.test('election safety: who sends appends or heartbeats claims to lead', (t) => {
  const stage = new Stage().elect('n1', 1, ['n2']);
  const heartbeat = { to: 'n3', commit: 0, readRound: 1 };
  t.equal(
    Stage.broken(() => stage.message('n1', 1, 'heartbeat', heartbeat)),
    null,
  );
  stage.everywhere(['n2'], 1, []);
  t.equal(
    Stage.broken(() => stage.message('n2', 1, 'heartbeat', heartbeat)),
    'election-safety',
  );
  t.end();
});

t.test('C5, E7: a leader has the votes of a quorum of voters, not of learners or of one side alone', (t) => {
  const lone = (): unknown => new Stage().elect('n1', 1, []);
  t.equal(Stage.broken(lone), 'elected-by-quorum');
  const withLearner = new Stage();
  withLearner.member('n1').membership = placed(0, { voters: ['n1', 'n2', 'n4'], learners: ['n3'] });
  t.equal(
    Stage.broken(() => withLearner.elect('n1', 1, ['n3'])),
    'elected-by-quorum',
  );
  const joint = { voters: ['n1', 'n2', 'n3'], outgoing: ['n3', 'n4', 'n5'] };
  const half = new Stage('n1', 'n2', 'n3', 'n4', 'n5');
  half.member('n1').membership = placed(3, joint);
  t.equal(
    Stage.broken(() => half.elect('n1', 1, ['n2'])),
    'elected-by-quorum',
  );
  const both = new Stage('n1', 'n2', 'n3', 'n4', 'n5');
  both.member('n1').membership = placed(3, joint);
  t.equal(
    Stage.broken(() => both.elect('n1', 1, ['n3', 'n4'])),
    null,
  );
  t.end();
});

t.test('leader append-only: the log of a leader grows, and nothing in it changes', (t) => {
  const leader = (): Stage => new Stage().elect('n1', 2, ['n2'], [1, 1]);
  t.equal(
    Stage.broken(() => leader().turn('n1', { terms: [1, 1, 2, 2] })),
    null,
  );
  t.equal(
    Stage.broken(() => leader().turn('n1', { terms: [1, 1] })),
    'leader-append-only',
  );
  t.equal(
    Stage.broken(() => leader().turn('n1', { terms: [1, 1, 1] })),
    'leader-append-only',
  );
  t.equal(
    Stage.broken(() => leader().turn('n1', { role: 'follower', term: 3, terms: [1] })),
    null,
    'a follower may truncate',
  );
  t.end();
});

t.test('leader completeness: what was committed in an earlier term is in the log of a later leader', (t) => {
  const committed = (): Stage => {
    const stage = new Stage().elect('n1', 1, ['n2']);
    return stage.everywhere(['n1', 'n2'], 1, [entry(1, 1)]).turn('n1', { commit: 1 });
  };
  t.equal(
    Stage.broken(() => committed().elect('n2', 2, ['n3'], [1])),
    null,
  );
  t.equal(
    Stage.broken(() => committed().elect('n3', 2, ['n2'], [])),
    'leader-completeness',
  );
  t.end();
});

t.test(
  'leader completeness: a leader of an older term, elected late, need not know what a newer one committed',
  (t) => {
    const stage = new Stage('n1', 'n2', 'n3');
    stage.durable('n3', hardState(1, 'n3')).durable('n2', hardState(1, 'n3'));
    stage.message('n2', 1, 'voteResponse', { to: 'n3', preVote: false, granted: true });
    stage
      .elect('n1', 2, ['n2'])
      .everywhere(['n1', 'n2'], 2, [entry(1, 2)])
      .turn('n1', { commit: 1 });
    t.equal(
      Stage.broken(() => stage.turn('n3', { role: 'leader', term: 1, terms: [1] })),
      null,
    );
    t.end();
  },
);
