import t from 'tap';
import type { GroupId, LogIndex, Term } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import { isSpokenBy, protocolOf, type EngineMessage } from '../../../src/engines/messages.js';
import type { EntryKind } from '../../../src/engines/entry.js';
import type { PlacedQuorum, Tail } from '../../../src/engines/semisync/messages.js';
import { decodeFrame, encodeFrames, isSpokenIn, WireError } from '../../../src/wire/codec.js';
import { kvorum } from '../../../src/wire/protobuf.js';
import { appendOf, deltaOf, heartbeat, ROUTE } from './arbitraries.js';

const { EntryKind: Kind, PeerFrame } = kvorum.peer;

type Outcome = WireError['reason'] | 'accepted';

function reasonOf(...messages: Omit<kvorum.peer.Envelope.$Properties, 'group'>[]): Outcome {
  const envelopes = messages.map((message) => ({ group: 'feed/0', ...message }));
  try {
    decodeFrame(Buffer.from(PeerFrame.encode({ envelopes }).finish()), ROUTE);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error.reason;
  }
}

const TAIL = { lastIndex: 20, lastTerm: 130, commit: 10, writeQuorum: 3, forcedTerm: 66 };

function promise(tail: kvorum.peer.Tail.$Properties): Outcome {
  return reasonOf({ promiseResponse: { term: 194, granted: true, tail: { ...TAIL, ...tail } } });
}

function fetched(fields: kvorum.peer.FetchResponse.$Properties): Outcome {
  return reasonOf({ fetchResponse: { term: 194, prevIndex: 7, prevTerm: 65, ...fields } });
}

function many<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

t.test('a tail that cannot be true of any log is refused (ap.md §1.3.4)', async (t) => {
  t.equal(promise({}), 'accepted');
  t.equal(reasonOf({ promiseResponse: { term: 194 } }), 'protocol_violation', 'a promise says what its log holds');
  t.equal(reasonOf({ promiseResponse: { term: 129, tail: TAIL } }), 'protocol_violation', 'a log ahead of its owner');
  t.equal(promise({ commit: 21 }), 'protocol_violation', 'more is committed than there is');
  t.equal(promise({ forcedTerm: 131 }), 'protocol_violation', 'an epoch that the log has not reached');
  t.equal(promise({ writeQuorum: 63 }), 'accepted');
  t.equal(promise({ writeQuorum: 64 }), 'out_of_range', 'more followers than a group has');
  t.equal(promise({ lastIndex: 2 ** 53 }), 'out_of_range', 'a number that a double cannot hold');
  const change = { index: 12, writeQuorum: 1, forcedTerm: 66 };
  t.equal(promise({ quorums: [change, { ...change, index: 13 }] }), 'accepted');
  t.equal(promise({ quorums: [change, change] }), 'protocol_violation', 'two changes at one place');
  t.equal(promise({ quorums: [{ ...change, index: 10 }] }), 'protocol_violation', 'not after commit');
  t.equal(promise({ quorums: [{ ...change, index: 21 }] }), 'protocol_violation', 'beyond the log');
  t.equal(promise({ quorums: [{ ...change, writeQuorum: 64 }] }), 'out_of_range');
  t.equal(promise({ quorums: [{ ...change, forcedTerm: 67 }] }), 'protocol_violation', 'newer than the newest force');
  t.equal(promise({ quorums: [{}] }), 'protocol_violation', 'a change at no place');
});

t.test('element bombs of semisync are refused (reliability.md §6.5)', async (t) => {
  const changes = (count: number) => many(count, (at) => ({ index: 11 + at, writeQuorum: 1 }));
  t.equal(promise({ lastIndex: 100, quorums: changes(64) }), 'accepted');
  t.equal(promise({ lastIndex: 100, quorums: changes(65) }), 'too_many_elements', 'changes of a tail');
  const promiseResponse = { term: 194, tail: { ...TAIL, lastIndex: 100, quorums: changes(64) } };
  t.equal(reasonOf(...many(257, () => ({ promiseResponse }))), 'too_many_elements', 'changes of a frame');
  const entries = many(LIMITS.appendEntries + 1, () => ({ term: 65, kind: Kind.ENTRY_KIND_COMMANDS }));
  t.equal(fetched({ entries }), 'too_many_elements', 'entries of a message');
  const fetchResponse = { term: 194, prevTerm: 65, entries: entries.slice(1) };
  t.equal(reasonOf(...many(17, () => ({ fetchResponse }))), 'too_many_elements', 'entries of a frame');
});

t.test('what is fetched is checked like what is appended', async (t) => {
  const entry = { term: 66, kind: Kind.ENTRY_KIND_QUORUM, payload: Buffer.from([2]) };
  t.equal(fetched({ entries: [entry] }), 'accepted');
  t.equal(fetched({ rejected: true, hintIndex: 3, hintTerm: 64 }), 'accepted');
  t.equal(fetched({ rejected: true, entries: [entry] }), 'protocol_violation', 'entries with a refusal');
  t.equal(fetched({ entries: [{ ...entry, term: 64 }] }), 'protocol_violation', 'epochs decrease');
  t.equal(fetched({ entries: [{ ...entry, term: 195 }] }), 'protocol_violation', 'newer than the ballot');
  t.equal(fetched({ prevTerm: 195 }), 'protocol_violation');
  t.equal(fetched({ prevIndex: Number.MAX_SAFE_INTEGER, entries: [entry] }), 'out_of_range');
  const membership = { ...entry, kind: Kind.ENTRY_KIND_MEMBERSHIP };
  t.equal(fetched({ entries: [membership] }), 'protocol_violation', 'members are fixed');
  t.equal(fetched({ entries: [{ ...entry, kind: Kind.ENTRY_KIND_UNSPECIFIED }] }), 'unknown_message');
  t.equal(reasonOf({ epochHeartbeat: { term: 64, vouchedClock: Number.MAX_SAFE_INTEGER } }), 'accepted');
  t.equal(reasonOf({ epochHeartbeat: { term: 64, vouchedClock: 2 ** 53 } }), 'out_of_range');
});

function semisync(message: object): EngineMessage {
  return { ...ROUTE, term: 194 as Term, ...message } as EngineMessage;
}

function placed(index: number, writeQuorum = 1): PlacedQuorum {
  return { index: index as LogIndex, writeQuorum, forcedTerm: 0 as Term };
}

function promiseOf(tail: Partial<Tail>): EngineMessage {
  return semisync({ type: 'promiseResponse', ask: false, granted: true, tail: { ...TAIL, quorums: [], ...tail } });
}

function encode(message: EngineMessage): Buffer {
  return Buffer.concat(encodeFrames([{ group: 'feed/0' as GroupId, message }]).buffers).subarray(12);
}

t.test('the encoder sends no tail that the receiver would cut the connection for', async (t) => {
  const violation = { name: 'InvariantViolation' };
  t.doesNotThrow(() => encode(promiseOf({ quorums: [placed(11), placed(20)] })));
  t.throws(
    () => encode(promiseOf({ lastIndex: 100 as LogIndex, quorums: many(65, (at) => placed(11 + at)) })),
    violation,
  );
  t.throws(() => encode(promiseOf({ quorums: [placed(10)] })), violation);
  t.throws(() => encode(promiseOf({ quorums: [placed(21)] })), violation);
  t.throws(() => encode(promiseOf({ quorums: [placed(12), placed(11)] })), violation);
  t.throws(() => encode(promiseOf({ writeQuorum: 64 })), violation);
  t.throws(() => encode(promiseOf({ commit: 21 as LogIndex })), violation);
  const { message } = appendOf([{ payload: new Uint8Array(1) }]);
  const { entries } = message as Extract<EngineMessage, { type: 'appendRequest' }>;
  const response = { ...message, type: 'fetchResponse', hintIndex: 0, hintTerm: 0 } as unknown as EngineMessage;
  t.doesNotThrow(() => encode({ ...response, rejected: false, entries } as EngineMessage));
  t.throws(() => encode({ ...response, rejected: true, entries } as EngineMessage), violation);
});

t.test('messages that raft and semisync share: what raft sends are the bytes of version 1', async (t) => {
  const response = semisync({ type: 'appendResponse', rejected: true, index: 9, hintIndex: 8, hintTerm: 7 });
  const hex = '0a150a06666565642f301a0b08c2011001180920082807';
  t.equal(encode(response).toString('hex'), hex);
  t.equal(encode({ ...response, diverged: false } as EngineMessage).toString('hex'), hex);
  t.equal(encode({ ...response, diverged: true } as EngineMessage).length, hex.length / 2 + 2);
  const data = Buffer.from('piece');
  const chunk = semisync({
    type: 'snapshotChunk',
    streamId: 1,
    index: 2,
    indexTerm: 3,
    sequence: 4,
    last: true,
    data,
  });
  const bytes = '0a1e0a06666565642f306a1408c201100118022003280430013a057069656365';
  t.equal(encode(chunk).toString('hex'), bytes);
  t.equal(encode({ ...chunk, replaces: false, forcedTerm: 0 as Term } as EngineMessage).toString('hex'), bytes);
  const [decoded] = decodeFrame(Buffer.from(bytes, 'hex'), ROUTE).envelopes;
  t.match(decoded?.message, { type: 'snapshotChunk', last: true, replaces: false, forcedTerm: 0 });
});

const OWN = [
  'epochHeartbeat',
  'epochHeartbeatResponse',
  'promiseRequest',
  'promiseResponse',
  'fetchRequest',
  'fetchResponse',
  'fenced',
] as const;
const SHARED = ['appendResponse', 'snapshotChunk', 'snapshotChunkResponse'] as const;

function withKind(kind: EntryKind): EngineMessage {
  const entry = { index: 1, term: 194, kind, payload: new Uint8Array(1) };
  return semisync({ type: 'appendRequest', prevIndex: 0, prevTerm: 0, commit: 0, entries: [entry] });
}

t.test('a peer of an older version is sent nothing that it does not know', async (t) => {
  const group = 'feed/0' as GroupId;
  for (const type of OWN) {
    t.equal(isSpokenIn(2, { group, message: semisync({ type }) }), false, type);
    t.equal(isSpokenIn(3, { group, message: semisync({ type }) }), true, type);
  }
  for (const type of SHARED) t.equal(isSpokenIn(1, { group, message: semisync({ type }) }), true, type);
  t.equal(isSpokenIn(2, { group, message: withKind('quorum') }), false, 'an enum value of version 3');
  t.equal(isSpokenIn(3, { group, message: withKind('quorum') }), true);
  t.equal(isSpokenIn(1, { group, message: withKind('commands') }), true);
  t.equal(isSpokenIn(1, heartbeat(1)), true);
  t.same(
    [1, 2, 3].map((version) => isSpokenIn(version, deltaOf([]))),
    [false, true, true],
  );
});

t.test('an engine hears only what its members say', async (t) => {
  const heard = (message: EngineMessage): string[] =>
    (['raft', 'semisync', 'lww', 'causal'] as const).filter((engine) => isSpokenBy(protocolOf(engine), message));
  for (const type of OWN) t.same(heard(semisync({ type })), ['semisync'], type);
  for (const type of SHARED) t.same(heard(semisync({ type })), ['raft', 'semisync'], type);
  t.same(heard(heartbeat(1).message), ['raft']);
  t.same(heard(deltaOf([]).message), ['lww', 'causal']);
  t.same(heard(withKind('commands')), ['raft', 'semisync']);
  t.same(heard(withKind('quorum')), ['semisync'], 'raft has no write quorum');
  t.same(heard(withKind('membership')), ['raft'], 'the members of the other are fixed');
});
