import t from 'tap';
import { entry, placed, Stage } from './stage.js';

t.test('quorum before commit: the entry is on the disks of a majority when the leader commits it', (t) => {
  const leader = (): Stage => new Stage().elect('n1', 1, ['n2']);
  t.equal(
    Stage.broken(() =>
      leader()
        .everywhere(['n2', 'n3'], 1, [entry(1, 1)])
        .turn('n1', { commit: 1 }),
    ),
    null,
    'R2: its own disk may be the slow one',
  );
  t.equal(
    Stage.broken(() =>
      leader()
        .everywhere(['n1'], 1, [entry(1, 1)])
        .turn('n1', { commit: 1 }),
    ),
    'quorum-before-commit',
  );
  t.equal(
    Stage.broken(() => {
      const stage = leader().everywhere(['n1', 'n2'], 1, [entry(1, 1)]);
      stage.crash('n2').wipe('n2').turn('n1', { commit: 1 });
    }),
    null,
    'a disk that is taken away afterwards breaks no promise of the protocol',
  );
  t.end();
});

t.test('C5: while a change is under way, both sides hold it', (t) => {
  const joint = placed(2, { voters: ['n1', 'n2', 'n3'], outgoing: ['n1', 'n4', 'n5'] });
  const leader = (): Stage => {
    const stage = new Stage('n1', 'n2', 'n3', 'n4', 'n5');
    stage.member('n1').membership = placed(0, { voters: ['n1', 'n2', 'n3'] });
    return stage
      .elect('n1', 1, ['n2'])
      .everywhere(['n1', 'n2'], 1, [entry(1, 1)])
      .turn('n1', { commit: 1 });
  };
  const both = leader().turn('n1', { terms: [1, 1], membership: joint });
  both.everywhere(['n1', 'n2', 'n4'], 1, [entry(1, 1), entry(2, 1)]);
  t.equal(
    Stage.broken(() => both.turn('n1', { commit: 2 })),
    null,
  );
  const one = leader().turn('n1', { terms: [1, 1], membership: joint });
  one.everywhere(['n1', 'n2', 'n3'], 1, [entry(1, 1), entry(2, 1)]);
  t.equal(
    Stage.broken(() => one.turn('n1', { commit: 2 })),
    'quorum-before-commit',
  );
  const left = leader().turn('n1', { terms: [1, 1], membership: joint });
  left.everywhere(['n1', 'n2', 'n3'], 1, [entry(1, 1), entry(2, 1)]);
  const after = placed(3, { voters: ['n1', 'n2', 'n3'], removed: ['n4', 'n5'] });
  t.equal(
    Stage.broken(() => left.turn('n1', { commit: 2, terms: [1, 1, 1], membership: after })),
    'quorum-before-commit',
    'also when it is left in the same turn',
  );
  t.end();
});

t.test('C1: entries of older terms are never committed by counting', (t) => {
  const stage = new Stage().elect('n1', 3, ['n2'], [1, 2]);
  stage.everywhere(['n1', 'n2', 'n3'], 3, [entry(1, 1), entry(2, 2)]);
  t.equal(
    Stage.broken(() => stage.turn('n1', { commit: 2 })),
    'commit-own-term',
  );
  t.end();
});

t.test('C4: the commit index stays within the log, above what is applied, and never goes back', (t) => {
  const stage = (): Stage => new Stage().turn('n2', { terms: [1, 1, 1], commit: 2, applied: 2 });
  t.equal(Stage.broken(stage), null);
  t.equal(
    Stage.broken(() => stage().turn('n2', { commit: 1, applied: 1 })),
    'commit-bounds',
  );
  t.equal(
    Stage.broken(() => stage().turn('n2', { commit: 4 })),
    'commit-bounds',
  );
  t.equal(
    Stage.broken(() => stage().turn('n2', { applied: 3, term: 2 })),
    'commit-bounds',
  );
  t.end();
});

t.test('C2: what one replica takes for committed is what another committed', (t) => {
  const stage = new Stage().turn('n2', { terms: [1, 1], commit: 2 });
  t.equal(
    Stage.broken(() => stage.turn('n3', { terms: [1, 1], commit: 2 })),
    null,
  );
  t.equal(
    Stage.broken(() => stage.turn('n1', { terms: [1, 2], commit: 2 })),
    'state-machine-safety',
  );
  t.end();
});

t.test('a client is told only what is applied, and on a quorum of disks', (t) => {
  const stage = (holders: string[]): Stage => {
    const all = new Stage().everywhere(holders, 1, [entry(1, 1)]);
    all.turn('n1', { terms: [1], commit: 1, revision: 5 });
    return all;
  };
  t.equal(
    Stage.broken(() => stage(['n1', 'n2']).acknowledged('n1', 5)),
    null,
  );
  t.equal(
    Stage.broken(() => stage(['n1', 'n2']).acknowledged('n1', 6)),
    'acknowledged-applied',
  );
  t.equal(
    Stage.broken(() => stage(['n1']).acknowledged('n1', 5)),
    'acknowledged-durable',
  );
  t.end();
});
