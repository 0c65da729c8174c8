import t from 'tap';
import type { LogIndex, Term } from '../../../../../src/base/brand.js';
import { entry, Stage, violates } from './stage.js';

/** n1 leads epoch 64; its first entry is on all three disks, and committed. */
function started(): Stage {
  const stage = new Stage(['n1', 'n2', 'n3']);
  stage.epoch('n1', ['n2', 'n3'], 1, 64);
  for (const id of ['n2', 'n3']) stage.durable(id, entry(1, 64, 'noop'));
  stage.turn('n1', { commit: 1 });
  return stage;
}

/** And entry 2 is on the disks of the leader and n2, and committed with one follower. */
function acknowledged(): Stage {
  const stage = started();
  for (const id of ['n1', 'n2']) stage.durable(id, entry(2, 64));
  stage.turn('n1', { commit: 2 });
  return stage;
}

t.test('ap.md §1.3.5: what a leader commits is on its own disk and on those of W followers', async (t) => {
  const alone = started();
  alone.durable('n1', entry(2, 64));
  violates(t, 'durable-quorum', () => alone.turn('n1', { commit: 2 }));
  const elsewhere = started();
  elsewhere.says('n1', {
    type: 'appendRequest',
    to: 'n2',
    term: 64,
    prevIndex: 1,
    prevTerm: 64,
    entries: [entry(2, 64)],
  });
  elsewhere.actor('n1').log.push(64);
  for (const id of ['n2', 'n3']) elsewhere.durable(id, entry(2, 64));
  violates(t, 'durable-quorum', () => elsewhere.turn('n1', { commit: 2 }));
  t.equal(acknowledged().checks.facts.stats.commits, 2);
});

t.test('ap.md §1.3.4: a change of W needs the W before it, and later entries the new one', async (t) => {
  const stage = started();
  for (const id of ['n1', 'n2']) stage.durable(id, entry(2, 64, 'quorum', [2]));
  stage.turn('n1', { commit: 2 });
  for (const id of ['n1', 'n2']) stage.durable(id, entry(3, 64));
  violates(t, 'durable-quorum', () => stage.turn('n1', { commit: 3 }));
  const lowered = started();
  for (const id of ['n1', 'n2', 'n3']) lowered.durable(id, entry(2, 64, 'quorum', [2]));
  lowered.turn('n1', { commit: 2 });
  for (const id of ['n1', 'n2']) lowered.durable(id, entry(3, 64, 'quorum', [1]));
  violates(t, 'durable-quorum', () => lowered.turn('n1', { commit: 3 }));
});

t.test('ap.md §1.3.4: an epoch that begins with a W of its own takes what is open along', async (t) => {
  const opened = (payload: number[]): Stage => {
    const stage = started();
    for (const id of ['n1', 'n2']) stage.durable(id, entry(2, 64, 'quorum', [2]));
    stage.turn('n1', { commit: 2 });
    for (const id of ['n1', 'n2']) stage.durable(id, entry(3, 64));
    stage.promised('n1', 128, 'n1');
    stage.promised('n2', 128, 'n1');
    stage.says('n2', { type: 'promiseResponse', to: 'n1', term: 128, ask: false, granted: true });
    stage.turn('n1', { role: 'leader', term: 128 });
    for (const id of ['n1', 'n2']) stage.durable(id, entry(4, 128, 'noop', payload));
    return stage;
  };
  const lowered = opened([0, 1]);
  lowered.turn('n1', { commit: 4 });
  t.notOk(lowered.checks.facts.lossy, 'promises were enough: nothing is missing');
  violates(t, 'durable-quorum', () => opened([]).turn('n1', { commit: 4 }));
});

t.test('raft.md C1: nothing of an older epoch is committed by counting', async (t) => {
  const stage = acknowledged();
  stage.durable('n2', entry(3, 64));
  stage.turn('n2', { commit: 2 });
  stage.promised('n2', 129, 'n2');
  stage.turn('n2', { role: 'leader', term: 129 });
  stage.durable('n3', entry(2, 64), entry(3, 64));
  violates(t, 'commit-own-epoch', () => stage.turn('n2', { commit: 3 }));
});

t.test('one order: nobody commits another entry where one was committed', async (t) => {
  const stage = acknowledged();
  stage.durable('n3', entry(2, 65));
  violates(t, 'one-order', () => stage.turn('n3', { term: 65, commit: 2 }));
});

t.test('ap.md §1.3.5: an epoch begins with promises enough, and with everything that was acknowledged', async (t) => {
  const few = started();
  violates(t, 'promises', () => few.epoch('n3', [], 2, 130));
  const lacking = acknowledged();
  violates(t, 'acknowledged-kept', () => lacking.epoch('n3', ['n2'], 2, 130));
  const excused = acknowledged();
  excused.damaged.add(excused.process('n2').id);
  excused.epoch('n3', ['n2'], 2, 130);
  t.ok(excused.checks.facts.lossy, 'where a disk that had it was destroyed, it is lost');
});

t.test('ap.md §1.3.6: an epoch that began by force says so, and what it lacks is lost', async (t) => {
  const stage = acknowledged();
  stage.epoch('n3', [], 2, 130, true);
  const { facts, promotions } = stage.checks;
  t.ok(facts.lossy);
  t.equal(facts.lost.size, 1);
  const n3 = stage.process('n3').id;
  const told = { leader: n3, epoch: 130 as Term, promised: [n3], required: 2, writeQuorum: 1 };
  promotions.onPromoted(stage.process('n3'), { ...told, lossPossible: true });
  violates(t, 'loss-reported', () => promotions.onPromoted(stage.process('n3'), { ...told, lossPossible: false }));
});

t.test('one leader in an epoch', async (t) => {
  const stage = started();
  violates(t, 'one-leader', () => stage.turn('n2', { role: 'leader', term: 64 }));
});

t.test('ap.md §1.3.5: promises and acknowledgements are on disk before they are told', async (t) => {
  const stage = started();
  const promise = { type: 'promiseResponse', to: 'n3', term: 130, ask: false, granted: true };
  violates(t, 'durable-promise', () => stage.says('n2', promise));
  stage.promised('n2', 130, null);
  violates(t, 'promise-of-rebuilding', () => stage.says('n2', promise));
  stage.promised('n2', 130, 'n3');
  stage.says('n2', promise);
  const acknowledgement = { type: 'appendResponse', to: 'n1', term: 64, rejected: false, index: 2 };
  violates(t, 'durable-before-ack', () => stage.says('n3', acknowledgement));
  violates(t, 'durable-ballot', () => stage.promised('n2', 129, 'n2'));
});

t.test('ap.md §1.3.6: nothing leaves a log without a word, and what was told is in a file', async (t) => {
  const silent = started();
  silent.durable('n1', entry(2, 64));
  silent.epoch('n2', ['n1', 'n3'], 2, 129);
  violates(t, 'discarded-told', () => silent.durable('n1', entry(2, 129, 'noop')));
  const stage = started();
  stage.durable('n1', entry(2, 64));
  stage.discards('n1', 129, entry(2, 64));
  stage.epoch('n2', ['n1', 'n3'], 2, 129);
  stage.durable('n1', entry(2, 129, 'noop'));
  const { discards } = stage.checks;
  const { id } = stage.process('n1');
  t.same(discards.expected, [id]);
  violates(t, 'discarded-saved', () => discards.checkFiles(id, []));
  discards.checkFiles(id, [{ index: 2 as LogIndex, term: 64 as Term }]);
});

t.test('ap.md §1.3.7: strong reads miss nothing, bounded ones are no older than they say', async (t) => {
  const stage = acknowledged();
  const { reads } = stage.checks;
  const read = { revision: 0, floor: 0, seen: null, maxStalenessMs: null, began: 0 } as const;
  violates(t, 'read-freshness', () =>
    reads.onServed(stage.process('n1'), { ...read, consistency: 'strong', floor: 1 }),
  );
  violates(t, 'leader-reads', () => reads.onServed(stage.process('n2'), { ...read, consistency: 'leader' }));
  stage.nowMs = 100;
  const bounded = { ...read, consistency: 'bounded' } as const;
  reads.onServed(stage.process('n3'), { ...bounded, maxStalenessMs: 95 });
  violates(t, 'bounded-staleness', () => reads.onServed(stage.process('n3'), { ...bounded, maxStalenessMs: 80 }));
  const seen = { revision: 1 } as never;
  violates(t, 'session-reads', () => reads.onServed(stage.process('n3'), { ...read, consistency: 'follower', seen }));
  violates(t, 'reads-applied', () =>
    reads.onServed(stage.process('n3'), { ...read, consistency: 'follower', revision: 9 }),
  );
});

t.test('only a leader tells clients that a write is done, and only what it has applied', async (t) => {
  const stage = acknowledged();
  violates(t, 'leader-acknowledges', () => stage.told('n2', 1));
  stage.told('n1', 1);
  violates(t, 'acknowledged-applied', () => stage.turn('n1'));
});

t.test('raft.md C2: an index and an epoch name one entry', async (t) => {
  const stage = started();
  stage.durable('n1', entry(2, 64, 'commands', [1]));
  violates(t, 'log-matching', () => stage.durable('n2', entry(2, 64, 'commands', [2])));
});
