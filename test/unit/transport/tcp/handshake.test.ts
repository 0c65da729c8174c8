import t from 'tap';
import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import { encodeFrames } from '../../../../src/wire/codec.js';
import type { HelloAnswer } from '../../../../src/wire/handshake.js';
import type { Envelope } from '../../../../src/transport/transport.js';
import { ACCEPTED, at, eventually, FAST, heartbeat, N1, N2, node, rawListener, RawPeer } from './harness.js';

t.test('who is refused, and how both sides know', async (t) => {
  const cases: [string, object, object][] = [
    ['wrong_cluster', { cluster: 'other' }, {}],
    ['wrong_version', { versions: { min: 4, max: 5 } }, {}],
    ['unknown_replica', {}, { self: 'n7' as ReplicaId }],
    ['wrong_recipient', {}, { peers: [{ id: 'n8' as ReplicaId, port: 0 }] }],
  ];
  for (const [code, options, dialler] of cases) {
    const a = await node(t, N1, { peers: [at(1, N2)] });
    const { self, peers } = { self: N2, peers: [{ id: N1, port: 0 }], ...dialler };
    const b = await node(t, self, { ...options, peers: peers.map(({ id }) => at(a.port, id)) });
    const target = (peers[0]?.id ?? N1) as string;
    await eventually(code, () => (b.transport.status()[0]?.closedBy[code] ?? 0) > 0);
    t.notOk(b.transport.isUp(target as ReplicaId));
    t.strictSame(b.recorder.links, [], 'not counted as a peer');
    const told = b.log.find(({ event }) => event === 'peer_connection_closed');
    t.match(told?.fields, { peer: target, reason: code, detail: /n1/, self }, `${code}: the dialler logs both ids`);
    const said = a.log.find(({ event }) => event === 'peer_refused');
    t.match(said?.fields, { reason: code, from: self, to: target, detail: /n1/ }, 'and so does the acceptor');
    const counted = code === 'unknown_replica' ? a.transport.strangers() : a.transport.status()[0]?.closedBy;
    t.ok((counted?.[code] ?? 0) > 0, 'counted there too');
    await b.transport.close();
    await a.transport.close();
  }
});

t.test('after a refusal that only an operator can end, the dialler waits', async (t) => {
  const refused = { outcome: 'refused', text: 'no', from: 'n2', cluster: 'x', versions: { min: 1, max: 1 } } as const;
  const lasting = await rawListener(t, { ...refused, code: 'wrong_cluster' });
  const passing = await rawListener(t, { ...refused, code: 'duplicate_replica' });
  const n3 = 'n3' as ReplicaId;
  await node(t, N1, { peers: [at(lasting.port, N2), at(passing.port, n3)] });
  await eventually('the other one is dialled often', () => passing.hellos.length >= 5);
  t.equal(lasting.hellos.length, 1, 'no sooner than refusedRetryMs');
  await eventually('tried again', () => lasting.hellos.length === 2);
});

t.test('a replica whose id or disk is not welcome waits as long, and comes at once when it is called', async (t) => {
  const a = await node(t, N1, { folder: 'A' });
  for (const code of ['unknown_replica', 'removed_replica', 'foreign_folder'] as const) {
    const timings = { ...FAST, refusedRetryMs: 60_000 };
    a.recorder.verdict = () => code;
    const b = await node(t, N2, { peers: [at(a.port, N1)], folder: 'B', timings });
    await b.recorder.until(() => b.recorder.refusals.length === 1);
    t.match(b.recorder.refusals[0], { by: 'n1', code, text: /replica n1 .*replica n2/ });
    t.match(b.log.find(({ event }) => event === 'peer_connection_closed')?.fields, { peer: 'n1', reason: code });
    t.match(a.log.findLast(({ event }) => event === 'peer_refused')?.fields, { reason: code, from: 'n2', to: 'n1' });
    a.recorder.verdict = () => null;
    a.transport.setPeers([at(b.port, N2)]);
    await b.recorder.until(() => b.transport.isUp(N1));
    t.equal(b.recorder.refusals.length, 1, `${code}: nobody knocked meanwhile`);
    await b.transport.close();
    a.transport.setPeers([]);
  }
});

t.test('an answer from somebody else is not believed', async (t) => {
  const answers: [string, HelloAnswer][] = [
    ['wrong_cluster', { ...ACCEPTED, cluster: 'other' }],
    ['wrong_recipient', { ...ACCEPTED, from: 'n5' }],
    ['wrong_version', { ...ACCEPTED, version: 4 }],
    ['foreign_folder', { ...ACCEPTED, folder: 'another' }],
  ];
  for (const [reason, answer] of answers) {
    const listener = await rawListener(t, answer);
    const a = await node(t, N1, { peers: [at(listener.port, N2)] });
    a.recorder.verdict = (_, folder) => (folder === null ? null : 'foreign_folder');
    await eventually(reason, () => (a.transport.status()[0]?.closedBy[reason] ?? 0) > 0);
    t.strictSame(a.recorder.links, [], reason);
    await a.transport.close();
  }
});

t.test('a peer of an older version hears what it understands, and keeps its connection', async (t) => {
  const old = await node(t, N1, { peers: [at(1, N2)], versions: { min: 1, max: 1 } });
  const a = await node(t, N2, { peers: [at(old.port, N1)] });
  await a.recorder.until(() => a.transport.isUp(N1));
  const ack = {
    group: 'likes/0',
    message: { type: 'gossipAck', from: N2, to: N1, positions: [] },
  } as unknown as Envelope;
  t.equal(a.transport.send(N1, [ack]), false, 'nothing of leaderless groups');
  t.equal(a.transport.send(N1, [ack, heartbeat(N2, N1, 1), ack]), true);
  a.transport.send(N1, [heartbeat(N2, N1, 2)]);
  await old.recorder.until(() => old.recorder.frames.length === 2);
  t.same(
    old.recorder.frames.map(({ envelopes }) => envelopes.map(({ message }) => message.type)),
    [['heartbeat'], ['heartbeat']],
  );
  t.match(a.transport.status()[0], { closedBy: { too_new: 2 }, connected: true });
  const b = await node(t, 'n3' as ReplicaId, { peers: [at(1, N2)] });
  a.transport.setPeers([at(b.port, 'n3' as ReplicaId)]);
  await a.recorder.until(() => a.transport.isUp('n3' as ReplicaId));
  const newer = { ...ack, message: { ...ack.message, to: 'n3' as ReplicaId } };
  t.equal(a.transport.send('n3' as ReplicaId, [newer]), true);
  await b.recorder.until(() => b.recorder.frames.length === 1);
});

t.test('a peer of version 2 hears nothing of leader-follower groups, and keeps its connection', async (t) => {
  const old = await node(t, N1, { peers: [at(1, N2)], versions: { min: 1, max: 2 } });
  const a = await node(t, N2, { peers: [at(old.port, N1)] });
  await a.recorder.until(() => a.transport.isUp(N1));
  const group = 'feed/0' as Envelope['group'];
  const base = { from: N2, to: N1, term: 64 as Term };
  const fenced: Envelope = { group, message: { type: 'fenced', ...base } };
  const [commit, prevIndex, prevTerm, index] = [0, 0, 0, 1] as [LogIndex, LogIndex, Term, LogIndex];
  const entries = [{ index, term: base.term, kind: 'quorum', payload: new Uint8Array([1]) }] as const;
  const append: Envelope = { group, message: { type: 'appendRequest', ...base, commit, prevIndex, prevTerm, entries } };
  t.equal(a.transport.send(N1, [fenced, append]), false, 'also no entry of a kind that it does not know');
  t.equal(a.transport.send(N1, [fenced, heartbeat(N2, N1, 1), append]), true);
  await old.recorder.until(() => old.recorder.frames.length === 1);
  t.same(
    old.recorder.frames.map(({ envelopes }) => envelopes.map(({ message }) => message.type)),
    [['heartbeat']],
  );
  t.match(a.transport.status()[0], { closedBy: { too_new: 2 }, connected: true });
});

t.test('nobody answers the Hello', async (t) => {
  const listener = await rawListener(t, null);
  const a = await node(t, N1, { peers: [at(listener.port, N2)] });
  await eventually('given up', () => (a.transport.status()[0]?.closedBy['handshake_timeout'] ?? 0) > 0);
  await eventually('tried again', () => listener.accepted.length > 1);
  t.notOk(a.transport.isUp(N2));
});

t.test('a second connection of one replica', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)], timings: { ...FAST, silenceTimeoutMs: 60_000 } });
  const first = await RawPeer.greet(t, a.port, { incarnation: 10 });
  t.equal(first.answer.outcome, 'accepted');

  const older = await RawPeer.greet(t, a.port, { incarnation: 9 });
  t.match(older.answer, { outcome: 'refused', code: 'duplicate_replica', text: /newer incarnation/ });
  await older.peer.closed;
  t.equal(a.transport.status()[0]?.closedBy['duplicate_replica'], 1, 'two processes with one id: counted');
  t.notOk(first.peer.isClosed, 'the newer incarnation keeps its connection');

  const reconnected = await RawPeer.greet(t, a.port, { incarnation: 10 });
  t.equal(reconnected.answer.outcome, 'accepted');
  await first.peer.closed;
  t.equal(a.transport.status()[0]?.closedBy['replaced'], 1);

  const restarted = await RawPeer.greet(t, a.port, { incarnation: 11 });
  t.equal(restarted.answer.outcome, 'accepted');
  await reconnected.peer.closed;
  restarted.peer.socket.write(Buffer.concat(encodeFrames([heartbeat(N2, N1, 1)]).buffers));
  await a.recorder.until(() => a.recorder.frames.length === 1);

  restarted.peer.socket.destroy();
  await eventually('gone', () => a.transport.status()[0]?.closedBy['replaced'] === 2);
  // A reset where something had not been read yet.
  await eventually('let in again', () => {
    const { closed_by_peer = 0, connection_lost = 0 } = a.transport.status()[0]?.closedBy ?? {};
    return closed_by_peer + connection_lost > 0;
  });
  const random = await RawPeer.greet(t, a.port, { incarnation: 3 });
  t.equal(random.answer.outcome, 'accepted', 'without a live rival any incarnation is fine');
});

t.test('what a replaced connection still had in flight does not arrive after the new one', async (t) => {
  const a = await node(t, N1, { peers: [at(1, N2)] });
  const old = await RawPeer.greet(t, a.port);
  const next = await RawPeer.greet(t, a.port);
  old.peer.socket.write(Buffer.concat(encodeFrames([heartbeat(N2, N1, 1)]).buffers));
  next.peer.socket.write(Buffer.concat(encodeFrames([heartbeat(N2, N1, 2)]).buffers));
  await a.recorder.until(() => a.recorder.frames.length > 0);
  await old.peer.closed;
  t.match(a.recorder.envelopes, [{ message: { readRound: 2 } }]);
});
