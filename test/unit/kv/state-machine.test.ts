import t from 'tap';
import type { Revision } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import { BatchBuilder, KvStateMachine, type Command, type Operation } from '../../../src/kv/index.js';
import { applyAll, batchOf, bytes, fresh, MapBase, one, put, ref, run, textOf } from './support.js';

const rev = (revision: number): Revision => revision as Revision;

t.test('revisions and versions are those of etcd', async (t) => {
  const machine = fresh();
  one(machine, put('a', '1'));
  one(machine, put('b', '1'));
  one(machine, put('a', '2'));
  const { reader } = machine;
  t.match(reader.get('a'), { createRevision: 1, modRevision: 3, version: 2 });
  t.match(reader.get('b'), { createRevision: 2, modRevision: 2, version: 1 });
  t.match(one(machine, { op: 'delete', key: 'a' }), { status: 'deleted', revision: 4 });
  t.match(one(machine, { op: 'delete', key: 'a' }), { status: 'absent', revision: 0 });
  t.equal(reader.revision, 4, 'what changes nothing takes no revision');
  one(machine, put('a', '3'));
  t.match(reader.get('a'), { createRevision: 5, modRevision: 5, version: 1 }, 'a key that comes back is a new one');
  t.equal(reader.size, 2);
});

t.test('all operations of a batch share one revision, and later ones see earlier ones', async (t) => {
  const machine = fresh();
  const result = run(machine, {
    operations: [
      put('n', '1'),
      { op: 'increment', key: 'n', delta: 4n },
      { op: 'append', key: 'n', value: bytes('0'), maxBytes: 10 },
      { op: 'delete', key: 'n', returnPrevious: true },
      put('n', 'again'),
      { op: 'delete', key: 'missing' },
    ],
  });
  t.same(
    result.operations.map(({ status }) => status),
    ['created', 'replaced', 'replaced', 'deleted', 'created', 'absent'],
  );
  t.equal(result.operations[1]?.integer, 5n);
  t.equal(result.operations[2]?.integer, 2);
  t.equal(textOf(result.operations[3]?.previous), '50');
  t.equal(result.revision, 1);
  t.match(machine.reader.get('n'), { createRevision: 1, modRevision: 1, version: 1 });
  t.equal(machine.reader.size, 1);
});

t.test('one failed operation undoes the whole batch (raft.md X4)', async (t) => {
  const machine = fresh();
  one(machine, put('kept', 'as it was'));
  const before = machine.digest();
  const failing: [Operation, string][] = [
    [{ op: 'put', key: 'kept', value: bytes('x'), condition: { kind: 'absent' } }, 'unmet'],
    [{ op: 'increment', key: 'kept', delta: 1n }, 'not_an_integer'],
    [{ op: 'append', key: 'kept', value: bytes('x'), maxBytes: 9 }, 'value_would_be_too_large'],
  ];
  for (const [operation, status] of failing) {
    const result = run(machine, {
      operations: [put('new', '1'), { op: 'delete', key: 'gone' }, operation, put('later', '')],
    });
    t.same(
      result.operations.map((each) => each.status),
      ['skipped', 'skipped', status, 'skipped'],
    );
    t.equal(textOf(result.operations[2]?.previous), status === 'unmet' ? 'as it was' : null);
    t.equal(machine.digest(), before);
  }
});

t.test('conditions', async (t) => {
  const machine = fresh();
  const put2 = (condition: NonNullable<Extract<Operation, { op: 'put' }>['condition']>): string =>
    one(machine, { op: 'put', key: 'k', value: bytes('v'), condition }).status;
  t.equal(put2({ kind: 'present' }), 'unmet');
  t.equal(put2({ kind: 'revision', revision: rev(0) }), 'unmet', 'an absent key has no revision');
  t.equal(put2({ kind: 'value', value: bytes('') }), 'unmet', 'an absent key has no value');
  t.equal(put2({ kind: 'absent' }), 'created');
  t.equal(put2({ kind: 'absent' }), 'unmet');
  t.equal(put2({ kind: 'present' }), 'replaced');
  t.equal(put2({ kind: 'revision', revision: rev(1) }), 'unmet');
  t.equal(put2({ kind: 'revision', revision: rev(2) }), 'replaced');
  t.equal(put2({ kind: 'value', value: bytes('w') }), 'unmet');
  t.equal(put2({ kind: 'value', value: bytes('vv') }), 'unmet');
  t.equal(put2({ kind: 'value', value: bytes('v') }), 'replaced');
  const unmet = one(machine, { op: 'delete', key: 'k', condition: { kind: 'absent' } });
  t.equal(unmet.status, 'unmet');
  t.equal(textOf(unmet.previous), 'v', 'unmet tells what is there');
  t.equal(one(machine, { op: 'put', key: 'nil', value: bytes(''), condition: { kind: 'present' } }).previous, null);
  t.equal(one(machine, { op: 'delete', key: 'k', condition: { kind: 'present' } }).status, 'deleted');
});

t.test('returnPrevious gives the item before', async (t) => {
  const machine = fresh();
  t.equal(one(machine, { op: 'put', key: 'k', value: bytes('1'), returnPrevious: true }).previous, null);
  const replaced = one(machine, { op: 'put', key: 'k', value: bytes('2'), returnPrevious: true });
  t.match(replaced.previous, { createRevision: 1, modRevision: 1, version: 1 });
  t.equal(textOf(replaced.previous), '1');
  t.equal(one(machine, put('k', '3')).previous, null, 'only when asked for');
  t.equal(textOf(one(machine, { op: 'delete', key: 'k', returnPrevious: true }).previous), '3');
  t.equal(one(machine, { op: 'delete', key: 'k', returnPrevious: true }).previous, null);
});

t.test('awkward keys and values', async (t) => {
  const base = new MapBase();
  const machine = KvStateMachine.open(base, null);
  const big = new Uint8Array(LIMITS.valueBytes).map((_, at) => at * 31);
  const allBytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const keys = ['__proto__', 'constructor', 'toString', '\u0000', '\u00ff', 'd', 's', 'x', 'k'.repeat(1900)];
  for (const key of keys) one(machine, put(key, key));
  one(machine, put('empty', ''));
  one(machine, { op: 'put', key: 'all', value: allBytes });
  one(machine, { op: 'put', key: 'big', value: big });
  const check = (read: KvStateMachine): void => {
    for (const key of keys) t.equal(textOf(read.reader.get(key)), key);
    t.equal(textOf(read.reader.get('empty')), '');
    t.ok(read.reader.has('empty'));
    for (const [key, value] of [
      ['all', allBytes],
      ['big', big],
    ] as const) {
      const item = read.reader.get(key);
      t.ok(item !== undefined && Buffer.compare(item.source.subarray(item.start, item.end), value) === 0);
    }
    t.notOk(read.reader.has('hasOwnProperty'));
    t.equal(read.reader.get('hasOwnProperty'), undefined);
    t.equal(read.reader.size, keys.length + 3);
  };
  check(machine);
  const frozen = machine.freeze();
  check(machine);
  base.write(frozen.changes());
  machine.thaw();
  check(machine);
  check(KvStateMachine.open(base, frozen.meta));
});

t.test('a plain put is told without an object, however it was submitted', async (t) => {
  const machine = fresh();
  const builder = new BatchBuilder();
  builder.addPut(ref('a'), ref('1'));
  builder.addCommand({ operations: [put('a', '2')] });
  // Another encoder may order fields differently: value before key.
  const reordered = Uint8Array.from([0x0a, 8, 0x0a, 6, 0x1a, 1, 0x33, 0x12, 1, 0x61]);
  const told = applyAll(machine, Uint8Array.from([...builder.take(), ...reordered]));
  t.same(told, [
    { created: true, revision: 1 },
    { created: false, revision: 2 },
    { created: false, revision: 3 },
  ]);
  t.equal(textOf(machine.reader.get('a')), '3');
});

t.test('a checkpoint holds what was applied before it, whatever is applied while it is written', async (t) => {
  const base = new MapBase();
  const machine = KvStateMachine.open(base, null);
  machine.applyBatch(batchOf({ operations: [put('a', '1'), put('b', '1'), put('c', '1')] }), null);
  const wanted = machine.digest();
  const frozen = machine.freeze();
  t.throws(() => machine.freeze(), { name: 'InvariantViolation' }, 'one at a time');
  const changes = frozen.changes()[Symbol.iterator]();
  const first = changes.next();
  machine.applyBatch(batchOf({ operations: [put('a', '2'), { op: 'delete', key: 'b' }, put('d', '2')] }), null);
  base.write([first.value as readonly [string, Uint8Array]]);
  for (let next = changes.next(); next.done !== true; next = changes.next()) base.write([next.value]);
  machine.thaw();
  t.equal(KvStateMachine.open(base, frozen.meta).digest(), wanted);
  t.same(
    machine.reader.scan({ start: '', end: null, limit: 10, maxBytes: 100 }).items.map(([key, i]) => [key, textOf(i)]),
    [
      ['a', '2'],
      ['c', '1'],
      ['d', '2'],
    ],
  );
  t.throws(() => machine.thaw(), { name: 'InvariantViolation' });
  t.throws(() => machine.abandonFreeze(), { name: 'InvariantViolation' });
});

t.test('a scan follows byte order through many keys in every layer', async (t) => {
  const base = new MapBase();
  const machine = KvStateMachine.open(base, null);
  const wanted = new Map<string, string>();
  const write = (from: number, to: number, value: string): void => {
    const builder = new BatchBuilder();
    for (let at = from; at < to; at++) {
      const key = `k${((at * 7919) % 20_011).toString(36)}`;
      builder.addPut(ref(key), ref(value));
      wanted.set(key, value);
    }
    machine.applyBatch(builder.take(), null);
  };
  write(0, 6000, 'base');
  const frozen = machine.freeze();
  base.write(frozen.changes());
  machine.thaw();
  write(3000, 12_000, 'frozen');
  machine.freeze();
  write(9000, 20_000, 'active');
  const deleted = [...wanted.keys()].filter((_, at) => at % 3 === 0);
  for (let at = 0; at < deleted.length; at += 1000) {
    const operations = deleted.slice(at, at + 1000).map((key): Operation => ({ op: 'delete', key }));
    machine.applyBatch(batchOf({ operations }), null);
  }
  for (const key of deleted) wanted.delete(key);
  const found: string[] = [];
  for (let start: string | null = ''; start !== null;) {
    const page = machine.reader.scan({ start, end: null, limit: 997, maxBytes: 1_000_000 });
    for (const [key, item] of page.items) found.push(`${key}=${textOf(item)}`);
    start = page.next;
  }
  t.same(
    found,
    [...wanted].sort(([left], [right]) => (left < right ? -1 : 1)).map((pair) => pair.join('=')),
  );
  t.equal(machine.reader.size, wanted.size);
  const prefix = machine.reader.scan({ start: 'k1', end: 'k2', limit: 10_000, maxBytes: 1_000_000 });
  t.equal(prefix.next, null);
  t.equal(prefix.items.length, [...wanted.keys()].filter((key) => key.startsWith('k1')).length);
  t.same(machine.reader.scan({ start: 'b', end: 'a', limit: 1, maxBytes: 1 }), { items: [], next: null });
});

t.test('what is damaged is refused', async (t) => {
  const machine = fresh();
  const payload = batchOf({ operations: [put('a', '1')] }, { operations: [{ op: 'delete', key: 'b' }] });
  t.throws(() => machine.applyBatch(payload.subarray(0, -1), null), { name: 'InvariantViolation' });
  t.throws(() => KvStateMachine.open(new MapBase(), Uint8Array.of()), { code: 'checkpoint_corrupt' });
  t.throws(() => KvStateMachine.open(new MapBase(), Uint8Array.of(9, 0, 0, 0, 0, 0)), { code: 'checkpoint_corrupt' });
  const base = new MapBase();
  base.records.set('dk', Uint8Array.of(0x80));
  const damaged = KvStateMachine.open(base, null);
  t.throws(() => damaged.reader.get('k'), { code: 'checkpoint_corrupt' });
  base.records.set('sc', Uint8Array.of(1, 1, 1, 1));
  t.throws(() => KvStateMachine.open(base, null), { code: 'checkpoint_corrupt' });
});

t.test('equal batches give equal states', async (t) => {
  const commands: Command[] = [
    { operations: [put('a', '1')], session: { clientId: 'c', seq: 1 } },
    { operations: [put('b', '1'), { op: 'increment', key: 'a', delta: 1n }] },
  ];
  const [one1, two] = [fresh(), fresh()];
  one1.applyBatch(batchOf(...commands), null);
  for (const command of commands) two.applyBatch(batchOf(command), null);
  t.equal(one1.digest(), two.digest(), 'however they are cut into batches');
  const different = fresh();
  different.applyBatch(batchOf(...commands.toReversed()), null);
  t.not(different.digest(), two.digest());
  two.applyBatch(batchOf({ operations: [put('a', '2')] }), null);
  t.not(one1.digest(), two.digest(), 'a revision is part of the state');
});
