import t from 'tap';
import protobuf from 'protobufjs/minimal.js';
import { LIMITS } from '../../../src/base/limits.js';
import { decodeFrame, WireError, type WireErrorReason } from '../../../src/wire/codec.js';
import { kvorum } from '../../../src/wire/protobuf.js';
import { ROUTE } from './arbitraries.js';
import { busyMs } from '../../fixtures/work.js';

const { PeerFrame, EntryKind } = kvorum.peer;
const COMMANDS = EntryKind.ENTRY_KIND_COMMANDS;
const TEN = new Uint8Array(10);

function reasonOf(body: Uint8Array): WireErrorReason | 'accepted' {
  try {
    decodeFrame(Buffer.from(body), ROUTE);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error.reason;
  }
}

function frame(...envelopes: kvorum.peer.Envelope.$Properties[]): Uint8Array {
  return PeerFrame.encode({ envelopes }).finish();
}

function append(fields: kvorum.peer.AppendRequest.$Properties): Uint8Array {
  return frame({ group: 'default/0', appendRequest: { term: 5, prevIndex: 10, prevTerm: 3, ...fields } });
}

function leaderless(message: Omit<kvorum.peer.Envelope.$Properties, 'group'>): Uint8Array {
  return frame({ group: 'likes/0', ...message });
}

/** An envelope whose bytes are written by hand. */
function raw(write: (writer: protobuf.Writer) => void): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32((1 << 3) | 2).fork();
  write(writer);
  return writer.ldelim().finish();
}

t.test('element bombs are refused before they become objects (reliability.md §6.5)', async (t) => {
  const heapBefore = process.memoryUsage().heapUsed;
  const envelopes = Buffer.alloc(8 * 1024 * 1024, Buffer.from([0x0a, 0x05, 0x0a, 0x01, 0x78, 0x42, 0x00]));
  const whole = envelopes.subarray(0, Math.floor(envelopes.length / 7) * 7);
  const entries = Array.from({ length: LIMITS.appendEntries + 1 }, () => ({ term: 3, kind: COMMANDS }));
  const appendRequest = { term: 3, prevTerm: 3, entries: entries.slice(1) };
  const crowded = Array.from({ length: 17 }, () => ({ group: 'default/0', appendRequest }));
  const tookMs = busyMs(() => {
    t.equal(reasonOf(whole), 'too_many_elements', 'envelopes');
    t.equal(reasonOf(append({ entries })), 'too_many_elements', 'entries of a message');
    t.equal(reasonOf(frame(...crowded)), 'too_many_elements', 'entries of a frame');
  });
  t.ok(process.memoryUsage().heapUsed - heapBefore < 64 * 1024 * 1024, 'little was allocated');
  t.ok(tookMs < 2_000, 'and it did not take long');
});

t.test('element bombs of leaderless groups, too, whatever they are made of', async (t) => {
  const heapBefore = process.memoryUsage().heapUsed;
  const origin = 'n1~1';
  const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
  const bombs: Omit<kvorum.peer.Envelope.$Properties, 'group'>[] = [
    {
      gossipDelta: { batches: many(LIMITS.deltaBatches + 1, (at) => ({ origin, seq: at + 1, boot: 1, encoded: TEN })) },
    },
    { gossipDigest: { origin, vector: many(LIMITS.origins + 1, (at) => ({ origin: `n${at}~1` })) } },
    { gossipDigest: { origin, heard: many(LIMITS.origins + 1, (at) => ({ origin: `n${at}~1` })) } },
    { fullSyncEnd: { vector: many(LIMITS.origins + 1, (at) => ({ origin: `n${at}~1` })) } },
    { needFullSync: { origins: many(LIMITS.origins + 1, (at) => `n${at}~1`) } },
    { gossipAck: { positions: many(16_385, (seq) => ({ origin, seq })) } },
    { fullSyncRequest: { have: many(16_385, (seq) => ({ origin, seq })) } },
    { versionProbe: { keys: many(LIMITS.probeKeys + 1, () => TEN) } },
    { versionAnswer: { versions: many(LIMITS.probeKeys + 1, () => ({})) } },
    { versionAnswer: { versions: many(2, () => ({ dots: many(8192, (seq) => ({ origin, seq })) })) } },
    { scrubItems: { leaves: many(LIMITS.scrubLeaves + 1, (at) => at) } },
  ];
  for (const bomb of bombs) t.equal(reasonOf(leaderless(bomb)), 'too_many_elements', Object.keys(bomb)[0] ?? '');
  const gossipAck = { positions: many(1025, (seq) => ({ origin, seq })) };
  t.equal(reasonOf(frame(...many(16, () => ({ group: 'g/0', gossipAck })))), 'too_many_elements', 'in a frame');
  t.ok(process.memoryUsage().heapUsed - heapBefore < 64 * 1024 * 1024, 'little was allocated');
});

t.test('origins, positions and keys of leaderless groups are checked', async (t) => {
  const batch = { origin: 'n2~1', seq: 1, boot: 1, encoded: TEN };
  const delta = (fields: kvorum.peer.SentBatch.$Properties): WireErrorReason | 'accepted' =>
    reasonOf(leaderless({ gossipDelta: { batches: [{ ...batch, ...fields }] } }));
  t.equal(delta({}), 'accepted', 'of any origin: everybody relays');
  t.equal(delta({ seq: 0 }), 'protocol_violation');
  t.equal(delta({ boot: 0 }), 'protocol_violation');
  t.equal(delta({ encoded: new Uint8Array(0) }), 'protocol_violation');
  t.equal(delta({ seq: 2 ** 53 }), 'out_of_range');
  for (const origin of ['', 'n2', '~1', 'n2~', '~', 'n 2~1', 'ñ2~1', 'n2~1\n'])
    t.equal(delta({ origin }), 'protocol_violation', origin);
  t.equal(delta({ origin: `${'n'.repeat(127)}~1` }), 'out_of_range', 'a long origin');
  t.equal(delta({ origin: '__proto__~1' }), 'accepted', 'only a name');
  const digest = (fields: kvorum.peer.GossipDigest.$Properties): WireErrorReason | 'accepted' =>
    reasonOf(leaderless({ gossipDigest: { origin: 'n1~1', boot: 1, ...fields } }));
  t.equal(digest({}), 'accepted');
  t.equal(digest({ origin: 'n2~1' }), 'protocol_violation', 'nobody speaks for somebody else');
  t.equal(digest({ origin: 'n1~x~1' }), 'protocol_violation');
  t.equal(reasonOf(leaderless({ gossipDigest: { boot: 1 } })), 'protocol_violation', 'of nobody');
  const twice = [
    { origin: 'n1~1', seq: 1 },
    { origin: 'n1~1', seq: 2 },
  ];
  t.equal(digest({ vector: twice }), 'protocol_violation', 'a vector that contradicts itself');
  t.equal(digest({ heard: twice.map(({ origin }) => ({ origin })) }), 'protocol_violation');
  t.equal(reasonOf(leaderless({ fullSyncEnd: { vector: twice } })), 'protocol_violation');
  t.equal(reasonOf(leaderless({ scrubLeaves: { vector: twice } })), 'protocol_violation');
  t.equal(digest({ root: { hash: '' } }), 'out_of_range');
  t.equal(digest({ root: { hash: 'h'.repeat(129) } }), 'out_of_range');
  const long = [Buffer.alloc(LIMITS.keyBytesCeiling + 1)];
  t.equal(reasonOf(leaderless({ versionProbe: { keys: long } })), 'out_of_range', 'a long key');
});

t.test('numbers that are repeated may come packed or one by one', async (t) => {
  const single = raw((writer) => {
    writer.uint32((1 << 3) | 2).string('likes/0');
    writer.uint32((26 << 3) | 2).bytes(Buffer.from([2 << 3, 7, (2 << 3) | 2, 2, 8, 9, 2 << 3, 0]));
  });
  const [envelope] = decodeFrame(Buffer.from(single), ROUTE).envelopes;
  t.match(envelope?.message, { type: 'scrubItems', leaves: [7, 8, 9, 0], items: { length: 0 }, respond: false });
});

t.test('a packed bomb in an unknown field is passed over', async (t) => {
  const bomb = raw((writer) => {
    writer.uint32((1 << 3) | 2).string('default/0');
    writer.uint32((8 << 3) | 2).bytes(Buffer.from([0x08, 0x01]));
    writer.uint32((99 << 3) | 2).bytes(Buffer.alloc(1024 * 1024));
  });
  const tookMs = busyMs(() => t.equal(reasonOf(bomb), 'accepted', 'unknown fields are for later versions'));
  t.ok(tookMs < 2_000, 'the count is refused before anything is built');
});

t.test('numbers, kinds and terms are checked', async (t) => {
  const entry = { term: 4, kind: COMMANDS, payload: Buffer.from('x') };
  t.equal(reasonOf(append({ entries: [entry] })), 'accepted');
  t.equal(reasonOf(append({ commit: 2 ** 53 })), 'out_of_range', 'a number that a double cannot hold');
  t.equal(reasonOf(append({ commit: Number.MAX_SAFE_INTEGER })), 'accepted');
  t.equal(reasonOf(append({ prevIndex: Number.MAX_SAFE_INTEGER, entries: [entry] })), 'out_of_range');
  t.equal(
    reasonOf(append({ entries: [{ ...entry, kind: EntryKind.ENTRY_KIND_UNSPECIFIED }] })),
    'unknown_message',
    'no kind',
  );
  t.equal(
    reasonOf(append({ entries: [{ ...entry, kind: 5 as unknown as kvorum.peer.EntryKind }] })),
    'unknown_message',
  );
  t.equal(reasonOf(append({ entries: [{ ...entry, term: 2 }] })), 'protocol_violation', 'older than prevTerm');
  t.equal(reasonOf(append({ entries: [{ ...entry, term: 6 }] })), 'protocol_violation', 'newer than its leader');
  t.equal(reasonOf(append({ entries: [{ ...entry, term: 5 }, entry] })), 'protocol_violation', 'terms decrease');
  t.equal(reasonOf(append({ prevTerm: 6 })), 'protocol_violation', 'prevTerm newer than its leader');
  t.equal(reasonOf(append({ prevTerm: 0, entries: [{ ...entry, term: 0 }] })), 'protocol_violation', 'no term');
  const refused = 99 as unknown as kvorum.peer.ForwardProposalResponse.Refusal;
  t.equal(reasonOf(frame({ group: 'g/0', forwardProposalResponse: { term: 1, refused } })), 'unknown_message');
});

t.test('envelopes have one group and one message', async (t) => {
  const heartbeat = { term: 1 };
  t.equal(reasonOf(frame({ heartbeat })), 'protocol_violation', 'no group');
  t.equal(reasonOf(frame({ group: 'default/0' })), 'unknown_message', 'no message');
  t.equal(reasonOf(frame({ group: 'g'.repeat(513), heartbeat })), 'out_of_range', 'a long group');
  const two = raw((writer) => {
    writer.uint32((1 << 3) | 2).string('default/0');
    writer.uint32((8 << 3) | 2).bytes(Buffer.from([0x08, 0x01]));
    writer.uint32((4 << 3) | 2).bytes(Buffer.from([0x08, 0x01]));
  });
  t.equal(reasonOf(two), 'protocol_violation', 'two messages');
  const later = raw((writer) => {
    writer.uint32((1 << 3) | 2).string('default/0');
    writer.uint32((40 << 3) | 2).bytes(Buffer.from([0x08, 0x01]));
  });
  t.equal(reasonOf(later), 'unknown_message', 'a message of a later version');
  const scalar = raw((writer) => {
    writer.uint32((1 << 3) | 2).string('default/0');
    writer.uint32(4 << 3).uint32(1);
  });
  t.equal(reasonOf(scalar), 'malformed', 'a message that is a number');
  const latin1 = raw((writer) => {
    writer.uint32((1 << 3) | 2).bytes(Buffer.from([0xff, 0x2f, 0x30]));
    writer.uint32((8 << 3) | 2).bytes(Buffer.from([0x08, 0x01]));
  });
  t.equal(reasonOf(latin1), 'malformed', 'a group that is not UTF-8');
});

t.test('bytes that are not protobuf', async (t) => {
  const cases: [string, number[]][] = [
    ['a length beyond the end', [0x0a, 0x7f, 0x00]],
    ['a length of 4 GiB', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a varint without end', [0x0a, 0xff]],
    ['a varint of 11 bytes', [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ['field 0', [0x02, 0x00]],
    ['a group', [0x0b, 0x0c]],
    ['wire type 7', [0x0f]],
    ['an entry that ends inside a field', [0x0a, 9, 0x0a, 1, 0x78, 0x12, 4, 0x2a, 2, 0x08, 0x80]],
  ];
  for (const [what, bytes] of cases) t.equal(reasonOf(Uint8Array.from(bytes)), 'malformed', what);
  t.equal(reasonOf(new Uint8Array(0)), 'accepted', 'an empty frame carries nothing');
});

t.test('every cut and every flipped bit is refused or harmless', async (t) => {
  const body = Buffer.from(
    append({
      commit: 9,
      entries: [
        { term: 4, kind: COMMANDS, payload: Buffer.from('hello') },
        { term: 5, kind: EntryKind.ENTRY_KIND_NOOP },
      ],
    }),
  );
  for (let length = 0; length < body.length; length++) reasonOf(body.subarray(0, length));
  for (let bit = 0; bit < body.length * 8; bit++) {
    const flipped = Buffer.from(body);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    reasonOf(flipped);
  }
  t.pass('no other error than WireError came out');
});
