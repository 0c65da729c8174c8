import t from 'tap';
import { BATCH_SIBLINGS_MAX } from '../../../../../src/kv/dotted/merge.js';
import { A, B, batch, C, del, dot, put, Stage } from './stage.js';

const A1 = batch(A, 1, { counter: 1 });
const B1 = batch(B, 1, { counter: 2 });
const [a1, b1] = [
  [dot(A, 1), 'n1~a:1'],
  [dot(B, 1), 'n2~b:1'],
] as const;

/** A1 was told to a client at level quorum, B1 (newer) is at n2 only. */
function told(): Stage {
  return new Stage().has('n1 n2', A1).written('n1', { level: 'quorum', value: 'n1~a:1' }, dot(A, 1)).has('n2', B1);
}

t.test('R + W > N: a read at a majority shows what a majority was told to have', (t) => {
  const read = (
    stage: Stage,
    asked: Parameters<Stage['read']>[1],
    ...shown: Parameters<Stage['read']>[2]
  ): string | null => Stage.broken(() => stage.read('n3', asked, shown));
  t.equal(read(told().has('n3', A1), { level: 'quorum' }, a1), null);
  t.equal(read(told(), { level: 'quorum' }), 'quorum-read-freshness', 'it shows nothing');
  t.equal(read(told(), { level: 'all' }), 'quorum-read-freshness');
  t.equal(read(told().has('n3', B1), { level: 'quorum' }, b1), null, 'or something newer');
  const older = batch(C, 1, { counter: 1, commands: [put('k', 'older')] });
  const newer = new Stage().has('n1 n2', B1).written('n2', { level: 'quorum', value: 'n2~b:1' }, dot(B, 1));
  t.equal(read(newer.has('n3', older), { level: 'quorum' }, [dot(C, 1), 'older']), 'quorum-read-freshness', 'or older');
  t.end();
});

t.test('R + W > N: promises that are not made are not held up', (t) => {
  t.equal(
    Stage.broken(() => told().read('n3', { level: 'one' }, [])),
    null,
    'a read at one replica',
  );
  t.equal(
    Stage.broken(() => told().read('n3', { level: 'quorum', key: 'other' }, [])),
    null,
    'another key',
  );
  const one = new Stage().has('n1', A1).written('n1', { level: 'one', value: 'n1~a:1' }, dot(A, 1));
  t.equal(
    Stage.broken(() => one.read('n3', { level: 'quorum' }, [])),
    null,
    'a write at one replica',
  );
  const stage = new Stage().has('n1 n2', A1);
  const before = stage.floor({ level: 'quorum' });
  stage.written('n1', { level: 'quorum', value: 'n1~a:1' }, dot(A, 1));
  t.equal(
    Stage.broken(() => stage.read('n3', { level: 'quorum' }, [], before)),
    null,
    'a read that began before the client was told',
  );
  t.end();
});

t.test('§1.1: reads at a majority never go back: what one has shown the next one shows', (t) => {
  const shown = (): Stage => told().read('n2', { level: 'quorum' }, [b1]).has('n3', A1);
  t.equal(
    Stage.broken(() => shown().read('n3', { level: 'quorum' }, [a1])),
    'quorum-read-freshness',
  );
  t.equal(
    Stage.broken(() => shown().has('n3', B1).read('n3', { level: 'quorum' }, [b1])),
    null,
  );
  const first = new Stage().has('n2', B1).read('n2', { level: 'quorum' }, [b1]).has('n3', A1);
  t.equal(
    Stage.broken(() => first.read('n3', { level: 'quorum' }, [a1])),
    'quorum-read-freshness',
    'also when nobody was told of a write',
  );
  const alone = told().read('n2', { level: 'one' }, [b1]).has('n3', A1);
  t.equal(
    Stage.broken(() => alone.read('n3', { level: 'quorum' }, [a1])),
    null,
    'what a read at one replica has shown is on one disk',
  );
  t.end();
});

t.test('R + W > N: of siblings a newer one does not make up for one that a majority has', (t) => {
  const read = (stage: Stage): string | null => Stage.broken(() => stage.read('n3', { level: 'quorum' }, [b1]));
  const told = (header: Parameters<typeof batch>[2]): Stage => {
    const stage = new Stage({ conflicts: 'siblings', engine: 'lww' }).has('n1 n2', A1);
    stage.written('n1', { level: 'quorum', value: 'n1~a:1' }, dot(A, 1));
    return stage.has('n3', batch(B, 1, { counter: 2, ...header }));
  };
  t.equal(read(told({})), 'quorum-read-freshness');
  const replaced = told({ commands: [put('k', 'n2~b:1', { context: [dot(A, 1)] })], dependencies: [dot(A, 1)] });
  t.equal(read(replaced.has('n3', A1)), null, 'unless it replaces it');
  t.end();
});

t.test('R + W > N: a disk that is gone may be what two majorities had in common', (t) => {
  t.equal(
    Stage.broken(() => told().wipe('n2').start('n2').read('n3', { level: 'quorum' }, [])),
    null,
  );
  t.equal(
    Stage.broken(() => told().rollBack('n2').start('n2').read('n3', { level: 'quorum' }, [])),
    null,
  );
  const during = told();
  const floor = during.floor({ level: 'quorum' });
  t.equal(
    Stage.broken(() => during.wipe('n2').start('n2').read('n3', { level: 'quorum' }, [], floor)),
    null,
    'also while the read is under way',
  );
  t.equal(
    Stage.broken(() => told().crash('n2').start('n2', A1, B1).read('n3', { level: 'quorum' }, [])),
    'quorum-read-freshness',
    'a crash takes no disk away',
  );
  const later = told().wipe('n2').start('n2');
  later.read('n1', { level: 'quorum' }, [a1]);
  t.equal(
    Stage.broken(() => later.read('n3', { level: 'quorum' }, [])),
    'quorum-read-freshness',
    'what was shown since counts again',
  );
  t.end();
});

t.test('a state shows the winner of what was applied, and nothing else', (t) => {
  const read = (stage: Stage, ...shown: Parameters<Stage['read']>[2]): string | null =>
    Stage.broken(() => stage.read('n1', {}, shown));
  const both = (): Stage => new Stage().has('n1', A1, B1);
  t.equal(read(both(), b1), null);
  t.equal(read(both(), a1), 'read-shows-winner', 'an older one');
  t.equal(read(both()), 'read-shows-winner', 'nothing');
  t.equal(read(both(), b1, a1), 'read-shows-winner', 'both');
  t.equal(read(both(), [dot(B, 1), 'never written']), 'read-shows-winner', 'another value');
  t.equal(read(both(), [dot(A, 1), 'n2~b:1']), 'read-shows-winner', 'another name');
  t.equal(read(new Stage().has('n1', A1).has('n2', B1), a1), null, 'of what was applied there');
  t.equal(read(new Stage().has('n1', A1).has('n2', B1), b1), 'read-shows-winner', 'what is elsewhere');
  t.equal(read(new Stage()), null);
  t.end();
});

t.test('a delete that wins leaves nothing, and one that does not leaves all', (t) => {
  const read = (counter: number, ...shown: Parameters<Stage['read']>[2]): string | null => {
    const stage = new Stage().has('n1', batch(A, 1, { counter: 5 }), batch(B, 1, { counter, commands: [del('k')] }));
    return Stage.broken(() => stage.read('n1', {}, shown));
  };
  t.equal(read(6), null);
  t.equal(read(6, a1), 'read-shows-winner', 'it comes back');
  t.equal(read(4, a1), null);
  t.equal(read(4), 'read-shows-winner', 'it is lost');
  t.end();
});

t.test(
  'a value is shown until it expires by the clock of its replica; once any clock was past that it may be gone',
  (t) => {
    const expiring = batch(A, 1, { commands: [put('k', 'v', { expiresAtMs: 100 })] });
    const read = (nowMs: number, wallMs: number, isShown: boolean): string | null => {
      const stage = new Stage().has('n1', expiring);
      stage.process('n2').wallMs = wallMs;
      stage.turn('n2').member('n1').nowMs = nowMs;
      return Stage.broken(() => stage.read('n1', {}, isShown ? [[dot(A, 1), 'v']] : []));
    };
    t.equal(read(99, 99, true), null);
    t.equal(read(99, 99, false), 'read-shows-winner');
    t.equal(read(100, 99, false), null);
    t.equal(read(100, 99, true), 'read-shows-winner');
    t.equal(read(99, 100, false), null, 'another replica has seen it expire');
    t.equal(read(99, 100, true), null, 'which is not known here');
    t.equal(read(100, 100, true), 'read-shows-winner');
    t.end();
  },
);

t.test('§1.1.4: siblings: whatever nobody has replaced is shown, newest first', (t) => {
  const read = (...shown: Parameters<Stage['read']>[2]): string | null => {
    const stage = new Stage({ conflicts: 'siblings' }).has('n1', A1, B1);
    return Stage.broken(() => stage.read('n1', {}, shown));
  };
  t.equal(read(b1, a1), null);
  t.equal(read(b1), 'siblings-kept', 'an older one is lost');
  t.equal(read(a1), 'siblings-kept');
  t.equal(read(a1, b1), 'siblings-kept', 'oldest first');
  t.equal(read(b1, a1, a1), 'siblings-kept', 'one twice');
  t.equal(read(b1, a1, [dot(C, 1), 'n3~c:1']), 'siblings-kept', 'one that is not there');
  t.end();
});

t.test('§1.1.4: siblings: what was replaced does not come back', (t) => {
  const replacing = batch(C, 1, { counter: 3, commands: [put('k', 'both', { context: [dot(A, 1), dot(B, 1)] })] });
  const read = (...shown: Parameters<Stage['read']>[2]): string | null => {
    const stage = new Stage({ conflicts: 'siblings', engine: 'lww' }).has('n1', A1, B1, replacing);
    return Stage.broken(() => stage.read('n1', {}, shown));
  };
  t.equal(read([dot(C, 1), 'both']), null);
  t.equal(read([dot(C, 1), 'both'], b1), 'siblings-kept');
  t.end();
});

t.test('§1.1.4: siblings: of those of one batch the oldest beyond the bound may go, and no other', (t) => {
  const commands = Array.from({ length: BATCH_SIBLINGS_MAX + 1 }, (_, at) => put('k', `${at}`));
  const read = (...values: number[]): string | null => {
    const stage = new Stage({ conflicts: 'siblings' }).has('n1', batch(A, 1, { commands }));
    return Stage.broken(() =>
      stage.read(
        'n1',
        {},
        values.map((value) => [dot(A, 1), `${value}`] as const),
      ),
    );
  };
  const all = commands.map((_, at) => commands.length - 1 - at);
  t.equal(read(...all), null);
  t.equal(read(...all.slice(0, -1)), null, 'without the oldest');
  t.equal(read(...all.slice(0, -2)), 'siblings-kept', 'without two');
  t.equal(read(...all.slice(1)), 'siblings-kept', 'without the newest');
  t.end();
});
