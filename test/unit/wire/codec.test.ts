import * as fc from 'fast-check';
import t from 'tap';
import { originId } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import type { EngineMessage } from '../../../src/engines/messages.js';
import type { EntryKind, RaftMessage } from '../../../src/engines/raft/messages.js';
import { decodeFrame, encodeFrames, encodePing, encodePong, INLINE_PAYLOAD_BYTES } from '../../../src/wire/codec.js';
import { envelopeBytes, WireError, type WireEnvelope } from '../../../src/wire/codec.js';
import { FrameDecoder } from '../../../src/wire/frame-decoder.js';
import { FRAME_BODY_BYTES_MAX } from '../../../src/wire/protocol.js';
import { kvorum } from '../../../src/wire/protobuf.js';
import { anyEnvelopes, appendOf, deltaOf, heartbeat, plain, ROUTE } from './arbitraries.js';

const { PeerFrame } = kvorum.peer;

/** The bodies of everything that was encoded, through the same decoder that sockets use. */
function bodiesOf(envelopes: readonly WireEnvelope[]): { body: Buffer; ownsBody: boolean }[] {
  const decoder = new FrameDecoder();
  decoder.bodyBytesMax = FRAME_BODY_BYTES_MAX;
  decoder.feed(Buffer.concat(encodeFrames(envelopes).buffers));
  const bodies: { body: Buffer; ownsBody: boolean }[] = [];
  for (let body = decoder.next(); body !== null; body = decoder.next()) {
    bodies.push({ body, ownsBody: decoder.ownsBody });
  }
  return bodies;
}

function only(envelopes: readonly WireEnvelope[]): Buffer {
  const [first] = bodiesOf(envelopes);
  if (first === undefined) throw new Error('nothing was encoded');
  return first.body;
}

const KINDS: Record<EntryKind, kvorum.peer.EntryKind> = {
  noop: kvorum.peer.EntryKind.ENTRY_KIND_NOOP,
  commands: kvorum.peer.EntryKind.ENTRY_KIND_COMMANDS,
  membership: kvorum.peer.EntryKind.ENTRY_KIND_MEMBERSHIP,
  quorum: kvorum.peer.EntryKind.ENTRY_KIND_QUORUM,
};
const { Refusal } = kvorum.peer.ForwardProposalResponse;
const REFUSALS = {
  not_leader: Refusal.NOT_LEADER,
  no_leader: Refusal.NO_LEADER,
  busy: Refusal.BUSY,
  transferring: Refusal.TRANSFERRING,
  change_pending: Refusal.CHANGE_PENDING,
  unknown_member: Refusal.UNKNOWN_MEMBER,
  already_member: Refusal.ALREADY_MEMBER,
  id_removed: Refusal.ID_REMOVED,
  not_caught_up: Refusal.NOT_CAUGHT_UP,
  would_lose_quorum: Refusal.WOULD_LOSE_QUORUM,
  last_voter: Refusal.LAST_VOTER,
};

/** A message as the generated code knows it: written here a second time on purpose. */
function generated({ group, message }: WireEnvelope): kvorum.peer.Envelope.$Properties {
  const { type, from: _from, to: _to, ...fields } = message;
  let body: object = fields;
  if (message.type === 'appendRequest' || message.type === 'fetchResponse') {
    const entries = message.entries.map(({ term, kind, payload }) => ({ term, kind: KINDS[kind], payload }));
    body = { ...fields, entries };
  } else if (message.type === 'forwardProposal') {
    const { id, kind, payload, term } = message;
    body = { term, id, payload, membership: kind === 'membership' };
  } else if (message.type === 'forwardProposalResponse') {
    body = { ...fields, refused: message.refused === null ? Refusal.NOT_REFUSED : REFUSALS[message.refused] };
  } else if (message.type === 'versionProbe') {
    body = { ...fields, keys: message.keys.map((key) => Buffer.from(key, 'latin1')) };
  } else if (message.type === 'versionAnswer') {
    body = { ...fields, versions: message.versions.map((dots) => ({ dots: [...dots] })) };
  }
  return { group, [type]: body };
}

t.test('every message comes back as it was sent', async (t) => {
  fc.assert(
    fc.property(anyEnvelopes, (envelopes) => {
      const decoded = bodiesOf(envelopes).flatMap(({ body, ownsBody }) => decodeFrame(body, ROUTE, ownsBody).envelopes);
      t.strictSame(plain(decoded), plain(envelopes));
    }),
    { numRuns: 300 },
  );
});

t.test('our bytes mean the same to the generated code, and its bytes to us', async (t) => {
  fc.assert(
    fc.property(anyEnvelopes, (envelopes) => {
      const expected = PeerFrame.decode(
        PeerFrame.encode({ envelopes: envelopes.map((envelope) => generated(envelope)) }).finish(),
      );
      const found = PeerFrame.decode(only(envelopes));
      t.strictSame(plain(PeerFrame.toObject(found)), plain(PeerFrame.toObject(expected)), 'theirs from ours');
      const bytes = Buffer.from(PeerFrame.encode(expected).finish());
      t.strictSame(plain(decodeFrame(bytes, ROUTE).envelopes), plain(envelopes), 'ours from theirs');
    }),
    { numRuns: 300 },
  );
});

t.test('the size of an envelope is what it takes in a frame', async (t) => {
  fc.assert(
    fc.property(anyEnvelopes, (envelopes) => {
      const bytes = envelopes.reduce((sum, envelope) => sum + envelopeBytes(envelope), 0);
      t.equal(only(envelopes).length, bytes);
      t.equal(encodeFrames(envelopes).bytes, bytes + 12);
    }),
    { numRuns: 100 },
  );
});

t.test('a large payload is sent from where it lies', async (t) => {
  const payload = new Uint8Array(INLINE_PAYLOAD_BYTES + 1).fill(7);
  const { buffers } = encodeFrames([appendOf([{ payload }, { payload: new Uint8Array(10) }, { payload }])]);
  t.equal(buffers.filter((buffer) => buffer === payload).length, 2, 'not copied');
  t.equal(buffers.length, 4, 'header and meta, payload, meta with the small payload inside, payload');
});

t.test('a batch is sent from where it lies, and kept without what is around it', async (t) => {
  const batch = new Uint8Array(INLINE_PAYLOAD_BYTES + 1).fill(7);
  const { buffers } = encodeFrames([deltaOf([batch, new Uint8Array(10).fill(1), batch])]);
  t.equal(buffers.filter((buffer) => buffer === batch).length, 2, 'not copied');
  const body = only([deltaOf([new Uint8Array(100), new Uint8Array(100)]), heartbeat(1)]);
  const chunk = Buffer.alloc(65_536);
  body.copy(chunk, 1000);
  const [envelope] = decodeFrame(chunk.subarray(1000, 1000 + body.length), ROUTE, false).envelopes;
  const batches = envelope?.message.type === 'gossipDelta' ? envelope.message.batches : [];
  const [first, second] = batches.map(({ encoded }) => encoded);
  t.ok((first?.buffer.byteLength ?? Infinity) < 300, 'copied out of the chunk');
  t.equal(first?.buffer, second?.buffer, 'one allocation for one message');
  t.equal(batches[0]?.origin, batches[1]?.origin);
});

t.test('a kept payload keeps no large buffer alive', async (t) => {
  const small = only([appendOf([{ payload: new Uint8Array(100) }, { payload: new Uint8Array(100) }]), heartbeat(1)]);
  const chunk = Buffer.alloc(65_536);
  small.copy(chunk, 1000);
  const inChunk = decodeFrame(chunk.subarray(1000, 1000 + small.length), ROUTE, false);
  const [first, second] = entriesOf(inChunk.envelopes[0]?.message);
  t.ok((first?.buffer.byteLength ?? Infinity) < 300, 'copied out of the chunk, with little around it');
  t.equal(first?.buffer, second?.buffer, 'one allocation for one message');

  const large = Buffer.from(only([appendOf([{ payload: new Uint8Array(200_000) }])]));
  const [alone] = entriesOf(decodeFrame(large, ROUTE, true).envelopes[0]?.message);
  t.equal(alone?.buffer, large.buffer, 'most of its own buffer: not copied again');
});

function entriesOf(message: EngineMessage | undefined): Uint8Array[] {
  return message?.type === 'appendRequest' ? message.entries.map(({ payload }) => payload) : [];
}

t.test('what does not fit one frame goes in several, in order', async (t) => {
  const many = Array.from({ length: LIMITS.frameEnvelopes + 5 }, (_, at) => heartbeat(at));
  const bodies = bodiesOf(many);
  t.equal(bodies.length, 2);
  t.equal(encodeFrames(many).frames, 2);
  const back = bodies.flatMap(({ body }) => decodeFrame(body, ROUTE).envelopes);
  t.strictSame(plain(back), plain(many));

  const payload = new Uint8Array(LIMITS.appendBytes);
  const large = Array.from({ length: 6 }, () => appendOf([{ payload }]));
  t.equal(encodeFrames(large).frames, 2, 'a frame ends at 4 MiB');

  const entries = Array.from({ length: LIMITS.appendEntries }, () => ({ payload: new Uint8Array(0) }));
  const crowded = bodiesOf(Array.from({ length: 40 }, () => appendOf(entries)));
  t.equal(crowded.length, 3, 'a frame ends at 16 Ki entries');
  for (const { body } of crowded) decodeFrame(body, ROUTE);

  const batches = Array.from({ length: LIMITS.deltaBatches }, () => new Uint8Array(1));
  const deltas = bodiesOf(Array.from({ length: 40 }, () => deltaOf(batches)));
  t.equal(deltas.length, 3, 'batches are counted as entries are');
  for (const { body } of deltas) decodeFrame(body, ROUTE);
});

t.test('the encoder refuses what the protocol forbids', async (t) => {
  const { message } = appendOf([{ payload: new Uint8Array(1) }, { payload: new Uint8Array(1) }]);
  const holed = { ...message, entries: [(message as unknown as { entries: unknown[] }).entries[1]] } as RaftMessage;
  t.throws(() => encodeFrames([{ ...heartbeat(1), message: holed }]), { name: 'InvariantViolation' }, 'a hole (A7)');
  t.throws(() => encodeFrames([heartbeat(2 ** 53)]), { name: 'InvariantViolation' }, 'an unsafe number');
  t.throws(() => encodeFrames([heartbeat(-1)]), { name: 'InvariantViolation' });
  t.throws(() => encodeFrames([]), { name: 'InvariantViolation' });
  t.throws(() => encodeFrames([deltaOf([new Uint8Array(0)])]), { name: 'InvariantViolation' }, 'a batch of nothing');
  const many = Array.from({ length: LIMITS.deltaBatches + 1 }, () => new Uint8Array(1));
  t.throws(() => encodeFrames([deltaOf(many)]), { name: 'InvariantViolation' });
  const positions = Array.from({ length: 16_385 }, () => ({ origin: originId('n1~1'), seq: 1 }));
  const ack = { ...deltaOf([]), message: { type: 'gossipAck', ...ROUTE, positions } } as const;
  t.throws(() => encodeFrames([ack]), new WireError('too_many_elements', 'gossipAck is too long'));
  const huge = appendOf([{ payload: new Uint8Array(LIMITS.frameBytes) }]);
  t.throws(() => encodeFrames([huge]), new WireError('frame_too_large', 'appendRequest of 33554477 bytes'));
});

t.test('pings and pongs', async (t) => {
  t.match(decodeFrame(encodePing(7).subarray(12), ROUTE), { ping: 7, pong: null, envelopes: [] });
  const large = Number.MAX_SAFE_INTEGER;
  t.match(decodeFrame(encodePong(large).subarray(12), ROUTE), { ping: null, pong: large, envelopes: [] });
});
