import t from 'tap';
import { Stage } from './stage.js';

t.test('L1, L2: a read shows what any client was told before it began', (t) => {
  t.equal(
    Stage.broken(() => new Stage().read('n1', 7, 7)),
    null,
  );
  t.equal(
    Stage.broken(() => new Stage().read('n1', 6, 7)),
    'read-freshness',
  );
  t.end();
});

t.test('L4, L5: nobody leads while an older leader has a lease', (t) => {
  const stage = (): Stage => new Stage().elect('n1', 1, ['n2']).turn('n1', { leaseValid: true });
  t.equal(Stage.broken(stage), null);
  const deposed = stage().turn('n1', { leaseValid: false }).elect('n2', 2, ['n3'], [1]);
  t.equal(
    Stage.broken(() => deposed.turn('n1')),
    null,
  );
  t.equal(
    Stage.broken(() => deposed.turn('n1', { leaseValid: true })),
    'lease-exclusive',
  );
  t.end();
});

t.test('L6: what a paused process believes is void before it serves anything', (t) => {
  const stage = new Stage().elect('n1', 1, ['n2']).turn('n1', { leaseValid: true });
  stage.process('n1').state = 'paused';
  stage.elect('n2', 2, ['n3'], [1]);
  t.equal(
    Stage.broken(() => stage.turn('n1')),
    null,
  );
  stage.process('n1').state = 'running';
  t.equal(
    Stage.broken(() => stage.turn('n1')),
    'lease-exclusive',
  );
  t.end();
});
