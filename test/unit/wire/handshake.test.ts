import t from 'tap';
import type { ReplicaId } from '../../../src/base/brand.js';
import {
  decodeAnswer,
  decodeHello,
  encodeAnswer,
  encodeHello,
  judgeAcceptance,
  judgeHello,
  type AdmissionCheck,
  type Hello,
  type HelloAnswer,
  type Identity,
} from '../../../src/wire/handshake.js';
import { HANDSHAKE_BODY_BYTES_MAX, HELLO_MAGIC } from '../../../src/wire/protocol.js';
import { kvorum } from '../../../src/wire/protobuf.js';

const nonce = Uint8Array.from({ length: 16 }, (_, at) => at);
const hello: Hello = {
  versions: { min: 1, max: 3 },
  cluster: 'demo',
  from: 'n1',
  to: 'n2',
  incarnation: Number.MAX_SAFE_INTEGER,
  nonce,
  folder: '0123456789abcdef0123456789abcdef',
};
const own: Identity = {
  cluster: 'demo',
  self: 'n2' as ReplicaId,
  versions: { min: 2, max: 4 },
  incarnation: 9,
  folder: 'ours',
};
const admits: AdmissionCheck = (id, folder) => {
  if (id === 'n6') return 'removed_replica';
  if (id !== 'n1') return 'unknown_replica';
  return folder === hello.folder ? null : 'foreign_folder';
};

t.test('a Hello comes back as it was sent', async (t) => {
  t.strictSame(decodeHello(encodeHello(hello).subarray(12)), hello);
  const volatile = { ...hello, folder: null };
  t.strictSame(decodeHello(encodeHello(volatile).subarray(12)), volatile);
});

t.test('both answers come back as they were sent', async (t) => {
  const accepted: HelloAnswer = {
    outcome: 'accepted',
    version: 3,
    cluster: 'demo',
    from: 'n2',
    incarnation: 0,
    folder: 'ours',
  };
  t.strictSame(decodeAnswer(encodeAnswer(accepted, nonce).subarray(12), nonce), accepted);
  const codes = [
    'wrong_cluster',
    'wrong_version',
    'wrong_recipient',
    'unknown_replica',
    'duplicate_replica',
    'removed_replica',
    'foreign_folder',
  ] as const;
  for (const code of codes) {
    const refused: HelloAnswer = {
      outcome: 'refused',
      code,
      text: 'why',
      from: 'n2',
      cluster: 'demo',
      versions: own.versions,
    };
    t.strictSame(decodeAnswer(encodeAnswer(refused, nonce).subarray(12), nonce), refused);
  }
});

t.test('whom a replica lets in', async (t) => {
  const cases: [string, Partial<Hello>][] = [
    ['wrong_cluster', { cluster: 'other' }],
    ['wrong_cluster', { cluster: 'other', versions: { min: 9, max: 9 }, to: 'n7', from: 'n8' }],
    ['wrong_version', { versions: { min: 5, max: 6 } }],
    ['wrong_version', { versions: { min: 1, max: 1 } }],
    ['wrong_recipient', { to: 'n3' }],
    ['unknown_replica', { from: 'n9' }],
    ['unknown_replica', { from: 'n2' }],
    ['removed_replica', { from: 'n6' }],
    ['foreign_folder', { folder: 'another' }],
    ['foreign_folder', { folder: null }],
  ];
  for (const [code, change] of cases) {
    const answer = judgeHello({ ...hello, ...change }, own, admits);
    t.match(answer, { outcome: 'refused', code, from: 'n2', cluster: 'demo', versions: own.versions });
    t.match(answer, { text: /n2/ }, 'the text names this replica');
  }
  t.match(
    judgeHello(hello, own, admits),
    { outcome: 'accepted', version: 3, folder: 'ours' },
    'the highest common version',
  );
  t.match(judgeHello({ ...hello, versions: { min: 1, max: 2 } }, own, admits), { version: 2 });
});

t.test('the dialler checks who has answered', async (t) => {
  const accepted = {
    outcome: 'accepted',
    version: 2,
    cluster: 'demo',
    from: 'n1',
    incarnation: 1,
    folder: hello.folder,
  } as const;
  const n1 = 'n1' as ReplicaId;
  const judge = (change: object, dialled = n1) => judgeAcceptance({ ...accepted, ...change }, own, dialled, admits);
  t.equal(judge({}), null);
  t.match(judge({}, 'n4' as ReplicaId), { code: 'wrong_recipient', text: /n1/ });
  t.match(judge({ cluster: 'x' }), { code: 'wrong_cluster', text: /x/ });
  t.match(judge({ version: 1 }), { code: 'wrong_version' });
  t.match(judge({ folder: 'another' }), { code: 'foreign_folder', text: /n2.*n1.*wiped/ });
  t.match(judge({ from: 'n6' }, 'n6' as ReplicaId), { code: 'removed_replica', text: /n2.*n6/ });
});

t.test('bad first frames', async (t) => {
  const bytes = (fields: kvorum.peer.Hello.$Properties): Buffer => {
    const { versions, ...names } = hello;
    const all = { magic: HELLO_MAGIC, versionMin: versions.min, versionMax: versions.max, ...names, ...fields };
    return Buffer.from(kvorum.peer.Hello.encode(all).finish());
  };
  t.ok(decodeHello(bytes({})));
  t.throws(() => decodeHello(bytes({ magic: 1 })), { name: 'WireError', reason: 'bad_magic' });
  t.throws(() => decodeHello(Buffer.alloc(0)), { name: 'WireError', reason: 'bad_magic' });
  t.throws(() => decodeHello(bytes({ incarnation: 2 ** 53 })), { name: 'WireError', reason: 'out_of_range' });
  t.throws(() => decodeHello(bytes({ nonce: new Uint8Array(15) })), {
    name: 'WireError',
    reason: 'protocol_violation',
  });
  t.throws(() => decodeHello(bytes({ versionMin: 4 })), { name: 'WireError', reason: 'protocol_violation' });
  t.throws(() => decodeHello(bytes({ folder: 'f'.repeat(65) })), { name: 'WireError', reason: 'out_of_range' });
  t.throws(() => decodeHello(bytes({ from: '' })), { name: 'WireError', reason: 'protocol_violation' });
  const whole = bytes({});
  t.throws(() => decodeHello(whole.subarray(0, -1)), { name: 'WireError', reason: 'malformed' });

  const answer = encodeAnswer(
    { outcome: 'accepted', version: 1, cluster: 'd', from: 'n2', incarnation: 1, folder: null },
    nonce,
  );
  const other = Uint8Array.from(nonce, (byte) => byte + 1);
  t.throws(
    () => decodeAnswer(answer.subarray(12), other),
    { name: 'WireError', reason: 'protocol_violation' },
    'a replayed answer',
  );
  const empty = kvorum.peer.HelloAnswer.encode({ magic: HELLO_MAGIC, nonce }).finish();
  t.throws(() => decodeAnswer(Buffer.from(empty), nonce), { name: 'WireError', reason: 'unknown_message' });
});

t.test('a handshake fits its frame, however long the names of a topology are', async (t) => {
  const long = { ...hello, cluster: 'c'.repeat(1000), from: 'f'.repeat(1000), to: 't'.repeat(1000) };
  const refused = judgeHello(long, { ...own, cluster: 'd'.repeat(1000) }, admits);
  t.ok(encodeHello(long).length <= HANDSHAKE_BODY_BYTES_MAX);
  t.ok(encodeAnswer(refused, nonce).length <= HANDSHAKE_BODY_BYTES_MAX);
});
