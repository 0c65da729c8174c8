import t from 'tap';
import { KvStateMachine, type Command, type CommandResult, type Operation } from '../../../src/kv/index.js';
import { bytes, fresh, MapBase, put, run, textOf } from './support.js';

const BOUNDS = { sessions: 3, evictedSessions: 2, sessionBytes: 1_000_000 };

function as(clientId: string, seq: number, ...operations: readonly Operation[]): Command {
  return {
    operations: operations.length === 0 ? [put(`k-${clientId}`, `${seq}`)] : operations,
    session: { clientId, seq },
  };
}

function outcome({ error, duplicate, operations }: CommandResult): unknown {
  return error ?? [duplicate ? 'duplicate' : 'executed', ...operations.map(({ status }) => status)];
}

function reopened(machine: KvStateMachine, base: MapBase): KvStateMachine {
  const frozen = machine.freeze();
  base.write(frozen.changes());
  machine.thaw();
  const again = KvStateMachine.open(base, frozen.meta, BOUNDS);
  if (again.digest() !== machine.digest()) throw new Error('a restored machine equals the one it was saved from');
  return again;
}

t.test('the same sequence number is executed once', async (t) => {
  const machine = fresh();
  const increment: Operation = { op: 'increment', key: 'n', delta: 1n };
  const first = run(machine, as('c', 1, increment));
  const again = run(machine, as('c', 1, increment));
  t.same(again, { ...first, duplicate: true });
  t.equal(textOf(machine.reader.get('n')), '1');
  t.equal(machine.reader.revision, 1);
  t.same(outcome(run(machine, as('c', 7, increment))), ['executed', 'replaced'], 'gaps are allowed');
  t.equal(outcome(run(machine, as('c', 6, increment))), 'stale_seq');
  t.equal(outcome(run(machine, as('c', 1, increment))), 'stale_seq');
  t.same(outcome(run(machine, as('d', 5, increment))), ['executed', 'replaced'], 'each client has its own numbers');
  t.equal(textOf(machine.reader.get('n')), '3');
});

t.test('another request under the same number is a conflict', async (t) => {
  const machine = fresh();
  const base: Operation = { op: 'put', key: 'k', value: bytes('v') };
  const others: Operation[][] = [
    [{ ...base, value: bytes('w') }],
    [{ ...base, key: 'l' }],
    [{ ...base, returnPrevious: true }],
    [{ ...base, condition: { kind: 'absent' } }],
    [{ ...base, condition: { kind: 'present' } }],
    [{ op: 'delete', key: 'k' }],
    [{ op: 'append', key: 'k', value: bytes('v'), maxBytes: 9 }],
    [base, base],
  ];
  run(machine, as('c', 1, base));
  const before = machine.digest();
  for (const operations of others) {
    const result = run(machine, as('c', 1, ...operations));
    t.same(result, { revision: 1, operations: [], error: 'session_conflict', duplicate: false });
  }
  t.equal(machine.digest(), before);
});

t.test('a retry may come with another limit in force', async (t) => {
  const machine = fresh();
  run(machine, as('c', 1, { op: 'append', key: 'k', value: bytes('v'), maxBytes: 9 }));
  const again = run(machine, as('c', 1, { op: 'append', key: 'k', value: bytes('v'), maxBytes: 8 }));
  t.same(outcome(again), ['duplicate', 'created']);
});

t.test('kept results are whole: failures, previous values, integers', async (t) => {
  const base = new MapBase();
  let machine = KvStateMachine.open(base, null, BOUNDS);
  run(machine, { operations: [put('k', 'before')] });
  const requests: Operation[][] = [
    [{ op: 'put', key: 'k', value: bytes('x'), condition: { kind: 'absent' } }],
    [{ op: 'put', key: 'k', value: bytes('after'), returnPrevious: true }],
    [{ op: 'increment', key: 'k', delta: 1n }],
    [{ op: 'increment', key: 'n', delta: -(2n ** 63n) }],
    [{ op: 'append', key: 'a', value: bytes('abc'), maxBytes: 9 }],
    [put('p', ''), { op: 'delete', key: 'absent' }, put('q', '')],
    [put('p', ''), { op: 'increment', key: 'k', delta: 1n }],
  ];
  for (const [at, operations] of requests.entries()) {
    const first = run(machine, as('c', at + 1, ...operations));
    const plain = (result: CommandResult): unknown =>
      result.operations.map((each) => ({
        ...each,
        previous: each.previous === null ? null : [textOf(each.previous), each.previous.modRevision],
      }));
    run(machine, { operations: [put('k', `overwritten ${at}`)] });
    const again = run(machine, as('c', at + 1, ...operations));
    t.same(plain(again), plain(first));
    t.equal(again.revision, first.revision, 'also the revision of then');
    machine = reopened(machine, base);
    t.same(plain(run(machine, as('c', at + 1, ...operations))), plain(first), 'after a restart as well');
  }
});

t.test('kept results pin no payload', async (t) => {
  const machine = fresh();
  run(machine, { operations: [put('k', 'v'.repeat(10_000)), put('other', 'w'.repeat(100_000))] });
  run(machine, as('c', 1, { op: 'delete', key: 'k', returnPrevious: true }));
  const again = run(machine, as('c', 1, { op: 'delete', key: 'k', returnPrevious: true }));
  const previous = again.operations[0]?.previous;
  t.equal(textOf(previous)?.length, 10_000);
  t.ok((previous?.source.buffer.byteLength ?? Infinity) < 11_000);
});

t.test('the least recently used session is evicted, and not executed again', async (t) => {
  const base = new MapBase();
  let machine = KvStateMachine.open(base, null, BOUNDS);
  for (const client of ['a', 'b', 'c']) run(machine, as(client, 1));
  t.same(outcome(run(machine, as('a', 1))), ['duplicate', 'created'], 'an answered duplicate is a use');
  machine = reopened(machine, base);
  run(machine, as('d', 1));
  t.equal(outcome(run(machine, as('b', 1))), 'session_evicted', 'a late retry of b');
  t.equal(outcome(run(machine, as('b', 2))), 'session_evicted', 'b is told that it was forgotten');
  t.same(outcome(run(machine, as('a', 1))), ['duplicate', 'created']);
  machine = reopened(machine, base);
  t.equal(outcome(run(machine, as('b', 2))), 'session_evicted');
  t.same(outcome(run(machine, as('e', 9))), ['executed', 'created'], 'a new client begins where it likes');
  t.equal(outcome(run(machine, as('c', 1))), 'session_evicted');
});

t.test('once an evicted session was forgotten, a client that does not begin with 1 may be it', async (t) => {
  const base = new MapBase();
  let machine = KvStateMachine.open(base, null, BOUNDS);
  for (const client of ['a', 'b', 'c', 'd', 'e', 'f']) run(machine, as(client, 2));
  machine = reopened(machine, base);
  t.equal(outcome(run(machine, as('a', 2))), 'session_evicted', 'a was forgotten');
  t.equal(outcome(run(machine, as('new', 2))), 'session_evicted');
  t.same(outcome(run(machine, as('new', 1))), ['executed', 'created']);
  t.same(outcome(run(machine, as('new', 2))), ['executed', 'replaced']);
});

t.test('large results count: sessions are bounded in bytes', async (t) => {
  const machine = KvStateMachine.open(new MapBase(), null, { sessions: 100, evictedSessions: 100, sessionBytes: 5000 });
  const take: Operation = { op: 'put', key: 'k', value: bytes('v'.repeat(3000)), returnPrevious: true };
  run(machine, as('a', 1, take));
  run(machine, as('b', 1, take));
  t.same(outcome(run(machine, as('a', 1, take))), ['duplicate', 'created']);
  run(machine, as('c', 1, take));
  t.equal(outcome(run(machine, as('b', 1, take))), 'session_evicted');
  const huge: Operation = { op: 'put', key: 'k', value: bytes('v'.repeat(9000)), returnPrevious: true };
  run(machine, as('d', 1, huge));
  run(machine, as('d', 2, huge));
  t.same(outcome(run(machine, as('d', 2, huge))), ['duplicate', 'replaced'], 'the last one is kept, however large');
});

t.test('an abandoned checkpoint forgets nothing', async (t) => {
  const base = new MapBase();
  const machine = KvStateMachine.open(base, null, BOUNDS);
  run(machine, as('a', 1));
  machine.freeze();
  run(machine, as('a', 2));
  run(machine, as('b', 1));
  machine.abandonFreeze();
  const again = reopened(machine, base);
  t.same(outcome(run(again, as('a', 2))), ['duplicate', 'replaced']);
  t.equal(outcome(run(again, as('a', 1))), 'stale_seq');
  t.same(outcome(run(again, as('b', 1))), ['duplicate', 'created']);
});

t.test('only what changed since the last checkpoint is written', async (t) => {
  const base = new MapBase();
  const machine = KvStateMachine.open(base, null, BOUNDS);
  run(machine, as('a', 1));
  reopened(machine, base);
  run(machine, as('b', 1));
  const changed = [...machine.freeze().changes()].map(([key]) => key);
  t.same(changed, ['dk-b', 'sb']);
});
