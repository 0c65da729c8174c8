import t from 'tap';
import { entry, hardState, Stage, stored } from './stage.js';

const vote = { preVote: false, granted: true, to: 'n1' } as const;

t.test('one vote per term and replica, for the whole life of the id', (t) => {
  const stage = new Stage().durable('n2', hardState(3, 'n1'), hardState(3, 'n1'));
  t.equal(
    Stage.broken(() => stage.durable('n2', hardState(4, 'n3'))),
    null,
  );
  t.equal(
    Stage.broken(() => stage.durable('n2', hardState(4, 'n1'))),
    'vote-once',
  );
  const wiped = new Stage().durable('n2', hardState(3, 'n1')).crash('n2').wipe('n2').start('n2', null);
  t.equal(
    Stage.broken(() => wiped.durable('n2', hardState(3, 'n3'))),
    'vote-once',
    'M4: also with another folder',
  );
  t.end();
});

t.test('R3: the term on disk never goes back', (t) => {
  const stage = new Stage().durable('n2', hardState(3, null));
  t.equal(
    Stage.broken(() => stage.durable('n2', hardState(2, null))),
    'durable-term',
  );
  t.end();
});

t.test('R1: a vote is on disk before it is told', (t) => {
  const told = new Stage().durable('n2', hardState(3, 'n1'));
  t.equal(
    Stage.broken(() => told.message('n2', 3, 'voteResponse', vote)),
    null,
  );
  const early = new Stage().durable('n2', hardState(3, null));
  t.equal(
    Stage.broken(() => early.message('n2', 3, 'voteResponse', vote)),
    'durable-vote',
  );
  t.equal(
    Stage.broken(() => new Stage().message('n2', 3, 'voteResponse', { ...vote, granted: false })),
    'durable-before-ack',
    'also a refusal shows a term',
  );
  t.equal(
    Stage.broken(() => new Stage().message('n2', 3, 'voteResponse', { ...vote, preVote: true })),
    null,
    'E1: a pre-vote promises nothing',
  );
  t.end();
});

t.test('R1: a vote of a term that is over on disk need not be there, and is told to one only', (t) => {
  const stage = new Stage().durable('n2', hardState(4, null));
  t.equal(
    Stage.broken(() => stage.message('n2', 3, 'voteResponse', vote)),
    null,
  );
  t.equal(
    Stage.broken(() => stage.message('n2', 3, 'voteResponse', { ...vote, to: 'n3' })),
    'durable-vote',
  );
  t.end();
});

t.test('R1: a candidacy is told with its own vote and its log on disk', (t) => {
  const request = { to: 'n2', preVote: false, lastIndex: 1, lastTerm: 1, transfer: false };
  const ready = new Stage().durable('n1', stored(entry(1, 1)), hardState(2, 'n1'));
  t.equal(
    Stage.broken(() => ready.message('n1', 2, 'voteRequest', request)),
    null,
  );
  const noVote = new Stage().durable('n1', stored(entry(1, 1)), hardState(1, null));
  t.equal(
    Stage.broken(() => noVote.message('n1', 2, 'voteRequest', request)),
    'durable-vote',
  );
  const noLog = new Stage().durable('n1', hardState(2, 'n1'));
  t.equal(
    Stage.broken(() => noLog.message('n1', 2, 'voteRequest', request)),
    'durable-before-vote-request',
  );
  t.end();
});

const accepted = { to: 'n1', rejected: false, index: 2, hintIndex: 2, hintTerm: 1 };

t.test('R1: an entry is on disk before it is acknowledged', (t) => {
  const ready = new Stage().durable('n2', hardState(1, null), stored(entry(1, 1)), stored(entry(2, 1)));
  t.equal(
    Stage.broken(() => ready.message('n2', 1, 'appendResponse', accepted)),
    null,
  );
  const early = new Stage().durable('n2', hardState(1, null), stored(entry(1, 1)));
  t.equal(
    Stage.broken(() => early.message('n2', 1, 'appendResponse', accepted)),
    'durable-before-ack',
  );
  early.checkpoint('n2', 2, 1, true);
  t.equal(
    Stage.broken(() => early.message('n2', 1, 'appendResponse', accepted)),
    null,
    'S3: a snapshot holds it',
  );
  t.end();
});

t.test('R5: in a later term, what was on disk once may be acknowledged to the leader of then', (t) => {
  const stage = new Stage().durable('n2', hardState(1, null), stored(entry(1, 1)), stored(entry(2, 1)));
  stage.durable('n2', hardState(2, null), stored(entry(2, 2)));
  t.equal(
    Stage.broken(() => stage.message('n2', 1, 'appendResponse', accepted)),
    null,
  );
  t.equal(
    Stage.broken(() => stage.message('n2', 2, 'appendResponse', accepted)),
    'durable-before-ack',
    'not to the leader of the later term',
  );
  t.end();
});

t.test('C2: what is acknowledged is what the leader has', (t) => {
  const stage = new Stage().elect('n1', 3, ['n3'], [1, 2]);
  stage.durable('n2', hardState(3, null), stored(entry(1, 1)), stored(entry(2, 1)));
  t.equal(
    Stage.broken(() => stage.message('n2', 3, 'appendResponse', accepted)),
    'acknowledged-matches',
  );
  t.end();
});

t.test('a restart may find more than was known to be durable, and what it found counts', (t) => {
  const state = { term: 2, vote: 'n1', commit: 0 } as never;
  const stage = new Stage().durable('n2', hardState(1, null), stored(entry(1, 1))).crash('n2');
  stage.start('n2', { hardState: state, entries: [entry(1, 1), entry(2, 1)] });
  t.equal(
    Stage.broken(() => stage.message('n2', 2, 'appendResponse', accepted)),
    null,
  );
  t.equal(
    Stage.broken(() => stage.durable('n2', hardState(2, 'n3'))),
    'vote-once',
  );
  t.end();
});

t.test('S7: a checkpoint is not ahead of the log on disk', (t) => {
  const written = (): Stage => new Stage().durable('n2', stored(entry(1, 1)), stored(entry(2, 1)));
  t.equal(
    Stage.broken(() => written().checkpoint('n2', 2, 1)),
    null,
  );
  t.equal(
    Stage.broken(() => written().checkpoint('n2', 3, 1)),
    'checkpoint-within-log',
  );
  t.equal(
    Stage.broken(() => written().checkpoint('n2', 9, 1, true)),
    null,
    'S3: a snapshot may be',
  );
  t.end();
});
