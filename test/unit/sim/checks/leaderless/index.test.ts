import t from 'tap';
import { InvariantViolation } from '../../../../../src/base/assert.js';
import { Stage } from './stage.js';

t.test('what an engine states about itself holds after every turn', (t) => {
  const turn = (invariant: () => void): string | null => Stage.broken(() => new Stage().turn('n1', { invariant }));
  t.equal(
    turn(() => undefined),
    null,
  );
  t.equal(
    turn(() => {
      throw new InvariantViolation('a log has a gap');
    }),
    'engine-invariants',
  );
  t.throws(
    () =>
      turn(() => {
        throw new TypeError('a mistake of the checker');
      }),
    TypeError,
    'anything else is no finding',
  );
  t.end();
});

t.test('no assertion ever fails: neither in a turn nor in one that ends the process', (t) => {
  const stopped = (code: string, act: (stage: Stage) => unknown): string | null => {
    const stage = new Stage();
    stage.process('n1').failure = { code, detail: 'it stopped' };
    return Stage.broken(() => act(stage));
  };
  t.equal(
    stopped('internal', (stage) => stage.turn('n1')),
    'no-assertion-fails',
  );
  t.equal(
    stopped('internal', (stage) => stage.crash('n1')),
    'no-assertion-fails',
  );
  t.equal(
    stopped('storage_failed', (stage) => stage.turn('n1').crash('n1')),
    null,
    'a disk that fails must stop it',
  );
  t.equal(
    stopped('internal', (stage) => stage.turn('n2')),
    null,
    'of whom it is said',
  );
  t.end();
});
