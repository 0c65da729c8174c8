import t from 'tap';
import type { LogIndex, Term } from '../../../../../src/base/brand.js';
import { Histories, type Node } from '../../../../../src/sim/checks/semisync/histories.js';
import { Orders } from '../../../../../src/sim/checks/semisync/orders.js';
import { entry, Stage, violates } from './stage.js';

/** n3 leads epoch 130 with n2, and has committed entries 1 and 2 with it; n1 has heard of nothing. */
function acknowledged(): Stage {
  const stage = new Stage(['n1', 'n2', 'n3']);
  stage.epoch('n3', ['n2'], 1, 130);
  stage.durable('n3', entry(2, 130));
  stage.durable('n2', entry(1, 130, 'noop'), entry(2, 130));
  stage.turn('n3', { commit: 2 });
  return stage;
}

function lostOf({ checks }: Stage): number {
  return checks.facts.lost.size;
}

t.test('ap.md §1.3.5: both sides of a cut are forced, the lower epoch wins, and said what it lacks', async (t) => {
  const stage = acknowledged();
  stage.epoch('n2', [], 3, 193, true);
  t.equal(lostOf(stage), 0, 'the higher one has everything');
  stage.epoch('n1', [], 1, 192, true);
  t.equal(lostOf(stage), 2, 'the lower one has nothing, and gives up both entries');
  stage.epoch('n1', ['n3'], 2, 256);
  t.pass('what continues from it lacks the same');
});

t.test('ap.md §1.3.5: force excuses nobody who does not continue from it', async (t) => {
  const stage = acknowledged();
  stage.epoch('n2', [], 3, 193, true);
  violates(t, 'acknowledged-kept', () => stage.epoch('n1', ['n3'], 1, 256));
});

t.test('ap.md §1.3.5: force excuses nothing that was committed in a higher epoch', async (t) => {
  const early = new Stage(['n1', 'n2', 'n3']);
  early.epoch('n1', [], 1, 128, true);
  early.epoch('n3', ['n2'], 1, 130);
  early.durable('n2', entry(1, 130, 'noop'));
  early.turn('n3', { commit: 1 });
  violates(t, 'acknowledged-kept', () => early.epoch('n1', ['n2'], 2, 256));
});

t.test('ap.md §1.3.5: what is acknowledged after a force is kept like everything else', async (t) => {
  const stage = acknowledged();
  stage.epoch('n1', [], 1, 192, true);
  stage.durable('n1', entry(2, 192));
  stage.discards('n3', 192, entry(1, 130, 'noop'), entry(2, 130));
  stage.durable('n3', entry(1, 192, 'noop', [1]), entry(2, 192));
  stage.turn('n1', { commit: 2 });
  stage.epoch('n3', ['n1'], 3, 258);
  t.pass('with it');
  violates(t, 'acknowledged-kept', () => stage.epoch('n2', ['n3'], 3, 321));
});

t.test(
  'ap.md §1.3.5: a leader that was replaced commits no more, but where those who follow were forced',
  async (t) => {
    const stage = (forced: boolean): Stage => {
      const made = acknowledged();
      made.durable('n3', entry(3, 130));
      made.durable('n2', entry(3, 130));
      made.epoch('n1', ['n2'], 1, 256, forced);
      return made;
    };
    violates(t, 'acknowledged-kept', () => stage(false));
    const replaced = stage(true);
    replaced.turn('n3', { commit: 3 });
    t.equal(lostOf(replaced), 3, 'it lacks what was committed before, and what the other leader commits since');
  },
);

t.test('ap.md §1.3.5: copies are counted where they were, when force has thrown them away', async (t) => {
  const late = (term: number): Stage => {
    const stage = acknowledged();
    stage.durable('n3', entry(3, 130));
    stage.epoch('n1', ['n2'], 1, term, true);
    return stage;
  };
  const told = late(256);
  const had = [entry(1, 130, 'noop'), entry(2, 130), entry(3, 130)];
  told.durable('n2', ...had.slice(2));
  told.discards('n2', 256, ...had);
  told.durable('n2', entry(1, 256, 'noop', [1]));
  told.turn('n3', { commit: 3 });
  t.equal(lostOf(told), 3, 'n2 had it when it said so');
  violates(t, 'durable-quorum', () => late(256).turn('n3', { commit: 3 }));
});

t.test('raft.md C2: the commits of one leader lie on one line', async (t) => {
  const nothing = (): void => undefined;
  const orders = new Orders({ nowMs: () => 0, tick: () => 0, wasDestroyed: () => false, onLost: nothing });
  const histories = new Histories(1);
  const learn = (prevTerm: number, index: number, term: number): Node => {
    histories.learn('n1', prevTerm as Term, entry(index, term));
    const node = histories.of(index as LogIndex, term as Term);
    if (node === null) throw new Error('it was learnt');
    return node;
  };
  const first = learn(0, 1, 64);
  const [here, there] = [learn(64, 2, 64), learn(64, 2, 130)];
  t.same(orders.commit(130 as Term, here), [first, here], 'and what comes before it');
  t.same(orders.commit(130 as Term, here), []);
  violates(t, 'one-order', () => orders.commit(130 as Term, there));
});

t.test('ap.md §1.3.7: a strong read shows what was told, unless force lies between', async (t) => {
  const stage = acknowledged();
  const { checks } = stage;
  revisions(stage, [
    [2, 130, 1],
    [1, 130, 0],
  ]);
  stage.turn('n3', { applied: 2, revision: 1 });
  stage.told('n3', 1);
  stage.turn('n3');
  const began = checks.reads.began();
  const read = { consistency: 'strong', revision: 0, floor: 1, seen: null, maxStalenessMs: null, began } as const;
  // Behind a force that has given it up.
  stage.epoch('n1', ['n2'], 1, 256, true);
  revisions(stage, [[1, 256, 0]]);
  stage.actor('n1').applied = 1;
  checks.reads.onServed(stage.process('n1'), read);
  // Not behind it: n2 has been told of nothing.
  stage.actor('n2').applied = 1;
  violates(t, 'read-freshness', () => checks.reads.onServed(stage.process('n2'), read));
  checks.reads.onServed(stage.process('n2'), { ...read, began: 0 });
});

t.test('ap.md §1.3.6: a session sees what it has seen, and force is no excuse for another history', async (t) => {
  const stage = acknowledged();
  const { checks } = stage;
  stage.epoch('n1', [], 1, 256, true);
  stage.durable('n1', entry(2, 256));
  revisions(stage, [
    [1, 130, 0],
    [2, 130, 1],
    [1, 256, 0],
    [2, 256, 1],
  ]);
  Object.assign(stage.actor('n1'), { applied: 2, revision: 1 });
  const seen = (epoch: number) => ({ revision: 1, epoch }) as never;
  const read = { consistency: 'follower', revision: 1, floor: 0, maxStalenessMs: null, began: 0 } as const;
  checks.reads.onServed(stage.process('n1'), { ...read, seen: seen(256) });
  violates(t, 'session-reads', () => checks.reads.onServed(stage.process('n1'), { ...read, seen: seen(130) }));
});

/** As if the entries had been applied. */
function revisions({ checks }: Stage, applied: readonly (readonly [number, number, number])[]): void {
  for (const [index, term, revision] of applied) {
    const node = checks.facts.histories.of(index as LogIndex, term as Term);
    if (node !== null) node.revision = revision;
  }
}
