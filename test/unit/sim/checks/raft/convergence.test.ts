import t from 'tap';
import { InvariantViolation } from '../../../../../src/base/assert.js';
import { entry, placed, Stage } from './stage.js';

/** n1 leads; everybody has applied entry 1 and stands at revision 3. */
function agreed(): Stage {
  const stage = new Stage().elect('n1', 1, ['n2']).everywhere(['n1', 'n2', 'n3'], 1, [entry(1, 1)]);
  for (const id of ['n1', 'n2', 'n3']) stage.turn(id, { terms: [1], commit: 1, applied: 1, revision: 3 });
  return stage;
}

t.test('at the end all members that run have the same state', (t) => {
  t.equal(
    Stage.broken(() => agreed().end()),
    null,
  );
  t.equal(
    Stage.broken(() => agreed().turn('n2', { state: 'another' }).end()),
    'convergence',
  );
  const behind = agreed();
  behind.member('n3').applied = 0;
  t.equal(
    Stage.broken(() => behind.end()),
    'convergence',
  );
  const stranger = agreed();
  stranger.member('n3').applied = 0;
  stranger.member('n1').membership = placed(1, { voters: ['n1', 'n2'], removed: ['n3'] });
  t.equal(
    Stage.broken(() => stranger.end()),
    null,
    'M5: who was removed hears nothing',
  );
  t.end();
});

t.test('at the end somebody leads, and has everything that a client was told', (t) => {
  t.equal(
    Stage.broken(() => agreed().turn('n1', { role: 'follower' }).end()),
    'convergence',
  );
  const told = agreed().acknowledged('n1', 3);
  t.equal(
    Stage.broken(() => told.end()),
    null,
  );
  for (const id of ['n1', 'n2', 'n3']) told.member(id).revision = 2;
  t.equal(
    Stage.broken(() => told.end()),
    'acknowledged-present',
  );
  t.end();
});

t.test('no assertion fails in a replica, and the engine’s own invariants hold', (t) => {
  const stage = new Stage();
  stage.member('n2').invariant = () => {
    throw new InvariantViolation('A3: next stays above match');
  };
  t.equal(
    Stage.broken(() => stage.turn('n2')),
    'engine-invariants',
  );
  const full = new Stage();
  full.process('n2').failure = { code: 'storage_failed', detail: 'ENOSPC' };
  t.equal(
    Stage.broken(() => full.crash('n2')),
    null,
    'a failed disk is no mistake of the program',
  );
  const wrong = new Stage();
  wrong.process('n2').failure = { code: 'internal', detail: 'commit 3 is beyond the last entry 2' };
  t.equal(
    Stage.broken(() => wrong.crash('n2')),
    'no-assertion-fails',
  );
  t.end();
});
