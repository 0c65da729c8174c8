import t from 'tap';
import {
  checkSessions,
  checkVersions,
  SessionChecker,
  type Dot,
  type Operation,
  type SessionOperation,
  type Version,
} from '../../../../src/check/index.js';

type Vector = Readonly<Record<string, number>>;

/** `a1`: the first write of replica a. */
function dotOf(text: string | null): Dot | null {
  return text === null ? null : { replica: text.charAt(0), seq: Number(text.slice(1)) };
}

function op(
  kind: SessionOperation['kind'],
  dot: string | null,
  vector: Vector,
  rest: Partial<SessionOperation> = {},
): SessionOperation {
  return { session: 's', kind, key: 'x', dot: dotOf(dot), vector: new Map(Object.entries(vector)), ...rest };
}

function broken(...operations: readonly SessionOperation[]): string[] {
  return checkSessions(operations).violations.map(
    ({ guarantee, missing }) => `${guarantee} ${missing.replica}${missing.seq}`,
  );
}

t.test('read your writes: the replica that answers has applied them (Terry 1994)', async (t) => {
  t.same(broken(op('put', 'a1', {}), op('get', 'a1', { a: 1 })), []);
  t.same(broken(op('put', 'a1', {}), op('get', null, { b: 4 })), ['read-your-writes a1']);
  t.same(broken(op('put', 'a1', {}), op('get', null, {}, { session: 't' })), [], 'of another session');
  t.same(broken(op('put', 'a1', {}), op('get', null, { a: 1 })), ['read-your-writes a1'], 'applied, and not found');
});

t.test('monotonic reads: the replica has applied what the session has seen', async (t) => {
  const write = op('put', 'a1', {}, { session: 'w' });
  t.same(broken(write, op('get', 'a1', { a: 1 }), op('get', 'a1', { a: 2 }, { key: 'y' })), []);
  t.same(broken(write, op('get', 'a1', { a: 1 }), op('get', null, { b: 1 }, { key: 'y' })), ['monotonic-reads a1']);
});

t.test('writes follow reads, and monotonic writes: dependencies name them', async (t) => {
  const write = op('put', 'a1', {}, { session: 'w' });
  t.same(broken(write, op('get', 'a1', { a: 1 }), op('put', 'b1', { a: 1 })), []);
  t.same(broken(write, op('get', 'a1', { a: 1 }), op('put', 'b1', {})), ['writes-follow-reads a1']);
  t.same(broken(op('put', 'a1', {}), op('put', 'b1', { a: 1 })), []);
  t.same(broken(op('put', 'a1', {}), op('delete', 'b1', {})), ['monotonic-writes a1']);
});

t.test('a replica that has everything must not answer with what was overwritten', async (t) => {
  const old = op('put', 'a1', {}, { session: 'w' });
  t.same(broken(old, op('put', 'b1', { a: 1 }), op('get', 'a1', { a: 1, b: 1 })), ['read-your-writes b1']);
  const other = op('put', 'b1', { a: 1 }, { session: 'v' });
  t.same(broken(old, other, op('get', 'b1', { a: 1, b: 1 }), op('get', 'a1', { a: 1, b: 1 })), ['monotonic-reads b1']);
  t.same(broken(old, op('put', 'b1', {}), op('get', 'a1', { a: 1, b: 1 })), [], 'a concurrent write may win');
});

t.test('an absent key needs a delete that was applied, also one that nobody heard of', async (t) => {
  const checker = new SessionChecker();
  checker.add(op('put', 'a1', {}));
  checker.accept({ kind: 'delete', key: 'x', dot: { replica: 'b', seq: 1 }, vector: new Map() });
  t.same(checker.add(op('get', null, { a: 1, b: 1 })), []);
  t.match(checker.add(op('get', null, { a: 1 })), [{ guarantee: 'read-your-writes', message: /found nothing/ }]);
  checker.end('s');
  t.same(checker.add(op('get', null, {})), [], 'the session is forgotten');
  t.match(checker.result(), {
    verdict: 'violation',
    operations: 4,
    sessions: 2,
    counts: { 'read-your-writes': 1, 'monotonic-reads': 0 },
  });
});

t.test(
  'what is lost with its disks is forgotten: its number may name another write (ap.md §1.0.1 rule 2)',
  async (t) => {
    const checker = new SessionChecker();
    checker.add(op('put', 'a1', {}, { session: 'old', key: 'y' }));
    checker.accept({ kind: 'delete', key: 'x', dot: { replica: 'a', seq: 2 }, vector: new Map() });
    for (const [key, seq] of [
      ['y', 1],
      ['x', 2],
      ['z', 3],
    ] as const) {
      checker.forget({ key, dot: { replica: 'a', seq } });
    }
    checker.add(op('delete', 'a1', {}));
    t.same(checker.add(op('get', null, { a: 1 })), [], 'the delete counts, and not what had its number');
    checker.add(op('put', 'a2', { a: 1 }));
    t.match(checker.add(op('get', null, { a: 1 })), [
      { guarantee: 'read-your-writes', missing: { replica: 'a', seq: 2 } },
    ]);
    checker.add(op('put', 'b1', {}, { session: 't' }));
    checker.forget({ key: 'x', dot: { replica: 'a', seq: 1 } });
    t.match(
      checker.add(op('get', null, { a: 2, b: 1 }, { session: 't' })),
      [{ message: /found nothing/ }],
      'no delete is left',
    );
  },
);

t.test('a store that promises less is asked for less (ap.md §1.2.6: lww)', async (t) => {
  const operations = [op('put', 'a1', {}), op('put', 'b1', {}), op('get', 'b1', { b: 1 })];
  t.match(checkSessions(operations).counts, { 'monotonic-writes': 1, 'read-your-writes': 1 });
  t.match(checkSessions(operations, ['monotonic-reads']), { verdict: 'ok', violations: [] });
});

let now = 0;
function versioned(
  kind: Operation['kind'],
  value: string | null,
  version?: Version,
  rest: Partial<Operation> = {},
): Operation {
  now += 2;
  const named = version === undefined ? {} : { version };
  return { client: 'c', kind, key: 'x', value, ...named, call: now, return: now + 1, outcome: 'ok', ...rest };
}

function pattern(...history: readonly Operation[]): string | null {
  return checkVersions(history).violation?.pattern ?? null;
}

t.test('versions: a session reads nothing older than what it wrote or read (ap.md §1.2.6)', async (t) => {
  const put = (counter: number, id: string | number = 'n1'): Operation =>
    versioned('put', `${counter}${id}`, [counter, id]);
  const get = (counter: number, id: string | number = 'n1'): Operation =>
    versioned('get', `${counter}${id}`, [counter, id]);
  t.equal(pattern(put(3), get(3), get(4), get(4)), null);
  t.equal(pattern(put(3), get(2)), 'ReadYourWrites');
  t.equal(pattern(put(3, 'n2'), get(3, 'n1')), 'ReadYourWrites', 'the id breaks ties');
  t.equal(pattern(put(3, 9), get(3, 10)), null, 'as numbers');
  t.equal(pattern(get(3), get(2)), 'MonotonicReads');
  t.equal(pattern(get(3), { ...get(2), key: 'y' }), null);
  t.equal(pattern(get(3), { ...get(2), session: 2 }), null);
  t.equal(pattern({ ...put(3), outcome: 'unknown', return: null }, get(2)), null, 'nobody promised that it happened');
  const { operations, violation } = checkVersions([put(3), put(7), get(2)]);
  t.equal(operations, 3);
  t.match(violation?.sentences, [
    '[1] wrote version [7,"n1"].',
    'Later in the same session [2] read version [2,"n1"].',
  ]);
});

t.test('versions: absent keys, and reads that do not say what they read', async (t) => {
  const put = versioned('put', 'a', [3, 'n']);
  t.equal(pattern(put, versioned('get', null)), 'ReadYourWrites');
  t.equal(pattern(put, versioned('get', null, [4, 'n'])), null);
  t.equal(pattern(put, versioned('get', null, [2, 'n'])), 'ReadYourWrites');
  t.equal(pattern(put, versioned('delete', null, [4, 'n']), versioned('get', null)), null);
  t.equal(pattern(put, versioned('get', null), versioned('delete', null, [5, 'm'], { client: 'd' })), null);
  t.equal(pattern(put, versioned('get', null), versioned('delete', null, [2, 'm'], { client: 'd' })), 'ReadYourWrites');
  t.equal(
    pattern(
      put,
      versioned('get', null),
      versioned('delete', null, undefined, { client: 'd', outcome: 'unknown', return: null }),
    ),
    null,
  );
  const other = versioned('put', 'b', [2, 'm'], { client: 'd' });
  t.equal(pattern(put, other, versioned('get', 'b')), 'ReadYourWrites', 'the version is that of the write');
  t.match(checkVersions([put, versioned('get', 'c')]), { verdict: 'ok', unversioned: 1 });
});
