import * as fc from 'fast-check';
import type { GroupId, LogIndex, OriginId, ReplicaId, Term } from '../../../src/base/brand.js';
import type { LeaderlessMessage } from '../../../src/engines/leaderless/messages.js';
import type { EngineMessage } from '../../../src/engines/messages.js';
import type { Entry, RaftMessage } from '../../../src/engines/raft/messages.js';
import type { SemisyncEntry, SemisyncMessage } from '../../../src/engines/semisync/messages.js';
import type { Route, WireEnvelope } from '../../../src/wire/codec.js';

export const ROUTE: Route = { from: 'n1' as ReplicaId, to: 'n2' as ReplicaId };

/** Small numbers, and those at which a varint gets another byte. */
const number = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 32, 2 ** 35, 2 ** 49, Number.MAX_SAFE_INTEGER),
);
const index = number as fc.Arbitrary<LogIndex>;
const term = number as fc.Arbitrary<Term>;
const flag = fc.boolean();
/** Around the bound above which a payload is not copied by the encoder. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(4095, 4096, 4097, 9000).map((length) => new Uint8Array(length).fill(length)),
);
const group = fc.constantFrom('default/0', 'carts/17', 'schlüssel/3', 'x/0') as fc.Arbitrary<GroupId>;

interface Draft {
  readonly kind: Entry['kind'];
  readonly step: number;
  readonly payload: Uint8Array;
}
const draft: fc.Arbitrary<Draft> = fc.record({
  kind: fc.constantFrom('noop', 'commands', 'membership', 'quorum'),
  step: fc.nat(3),
  payload: bytes,
});

/** What comes before the entries of a message, and they: terms never decrease from prevTerm to the message's term. */
const logPart = fc
  .record({
    prevIndex: fc.oneof(fc.nat(300), fc.integer({ min: 2 ** 40, max: 2 ** 52 })),
    prevTerm: fc.oneof(fc.nat(300), fc.integer({ min: 2 ** 40, max: 2 ** 52 })),
    ahead: fc.nat(3),
    drafts: fc.array(draft, { maxLength: 6 }),
  })
  .map(({ prevIndex, prevTerm, ahead, drafts }) => {
    let last = prevTerm;
    const entries = drafts.map(({ kind, step, payload }, at): Entry => {
      last = Math.max(1, last + step);
      return { index: (prevIndex + 1 + at) as LogIndex, term: last as Term, kind, payload };
    });
    const term = (last + ahead) as Term;
    return { term, prevIndex: prevIndex as LogIndex, prevTerm: prevTerm as Term, entries };
  });

const appendRequest: fc.Arbitrary<RaftMessage> = fc
  .record({ part: logPart, commit: index })
  .map(({ commit, part }) => ({ type: 'appendRequest', ...ROUTE, ...part, commit }));

type WithTerm = RaftMessage | SemisyncMessage;
/** Of those that two engines use, with the fields of both. */
type Fields<M> = {
  [K in M extends M ? Exclude<keyof M, 'type' | 'from' | 'to' | 'term'> : never]: fc.Arbitrary<unknown>;
};

function message<T extends WithTerm['type']>(
  type: T,
  fields: Fields<Extract<WithTerm, { type: T }>>,
): fc.Arbitrary<EngineMessage> {
  return fc.record({
    type: fc.constant(type),
    from: fc.constant(ROUTE.from),
    to: fc.constant(ROUTE.to),
    term,
    ...fields,
  }) as unknown as fc.Arbitrary<EngineMessage>;
}

const refused = fc.constantFrom(null, 'not_leader', 'no_leader', 'busy', 'transferring');

const anyRaft: fc.Arbitrary<EngineMessage> = fc.oneof(
  { arbitrary: appendRequest, weight: 5 },
  message('appendResponse', { rejected: flag, index, hintIndex: index, hintTerm: term, diverged: flag }),
  message('heartbeat', { commit: index, readRound: number }),
  message('heartbeatResponse', { readRound: number }),
  message('voteRequest', { preVote: flag, lastIndex: index, lastTerm: term, transfer: flag }),
  message('voteResponse', { preVote: flag, granted: flag }),
  message('timeoutNow', {}),
  message('readIndexRequest', { id: number }),
  message('readIndexResponse', { id: number, ok: flag, index }),
  message('forwardProposal', {
    id: number,
    kind: fc.constantFrom('commands' as const, 'membership' as const),
    payload: bytes,
  }),
  message('forwardProposalResponse', { id: number, refused, index, entryTerm: term }),
  message('snapshotChunk', {
    streamId: number,
    index,
    indexTerm: term,
    replaces: flag,
    forcedTerm: term,
    sequence: number,
    last: flag,
    data: bytes,
  }),
  message('snapshotChunkResponse', { streamId: number, sequence: number, ok: flag }),
);

const writeQuorum = fc.nat(63);
/** commit <= index of each change <= lastIndex, forcedTerm <= lastTerm <= term. */
const promiseResponse: fc.Arbitrary<SemisyncMessage> = fc
  .record({
    term: number,
    lastTerm: number,
    forcedTerm: number,
    ask: flag,
    granted: flag,
    commit: fc.oneof(fc.nat(300), fc.integer({ min: 2 ** 40, max: 2 ** 52 })),
    after: fc.nat(3),
    writeQuorum,
    changes: fc.array(fc.record({ step: fc.nat(200), writeQuorum, forcedTerm: number }), { maxLength: 64 }),
  })
  .map(({ after, ask, changes, commit, granted, writeQuorum, ...terms }) => {
    const lastTerm = Math.min(terms.lastTerm, terms.term);
    const forcedTerm = Math.min(terms.forcedTerm, lastTerm);
    let last = commit;
    const quorums = changes.map((change) => {
      last += 1 + change.step;
      const forced = Math.min(change.forcedTerm, forcedTerm) as Term;
      return { index: last as LogIndex, writeQuorum: change.writeQuorum, forcedTerm: forced };
    });
    const tail = {
      lastIndex: (last + after) as LogIndex,
      lastTerm: lastTerm as Term,
      commit: commit as LogIndex,
      writeQuorum,
      quorums,
      forcedTerm: forcedTerm as Term,
    };
    return { type: 'promiseResponse', ...ROUTE, term: terms.term as Term, ask, granted, tail };
  });

const fetchResponse: fc.Arbitrary<SemisyncMessage> = fc
  .record({ part: logPart, rejected: flag, hintIndex: index, hintTerm: term })
  .map(({ part, rejected, ...hint }) => {
    const own = part.entries.map((entry): SemisyncEntry => {
      return { ...entry, kind: entry.kind === 'membership' ? 'quorum' : entry.kind };
    });
    return { type: 'fetchResponse', ...ROUTE, ...part, rejected, ...hint, entries: rejected ? [] : own };
  });

const anySemisync: fc.Arbitrary<EngineMessage> = fc.oneof(
  message('epochHeartbeat', {
    round: number,
    commit: index,
    acked: index,
    vouchedCommit: index,
    vouchedClock: number,
  }),
  message('epochHeartbeatResponse', { round: number, clock: number }),
  message('promiseRequest', { ask: flag, wanted: flag, lastTerm: term }),
  { arbitrary: promiseResponse, weight: 3 },
  message('fetchRequest', { prevIndex: index, prevTerm: term }),
  { arbitrary: fetchResponse, weight: 3 },
  message('fenced', {}),
);

const origin = fc.constantFrom(
  'n1~0',
  'n2~0123456789abcdef',
  'a@/~~x',
  `${'r'.repeat(64)}~1`,
) as fc.Arbitrary<OriginId>;
const positive = number.map((value) => Math.max(1, value));
const dot = fc.record({ origin, seq: number });
const dots = fc.array(dot, { maxLength: 5 });
/** No origin twice. */
function vectorOf<T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<unknown> {
  const one = fc.record({ origin, ...fields }) as unknown as fc.Arbitrary<{ origin: OriginId }>;
  return fc.uniqueArray(one, { maxLength: 4, selector: (element) => element.origin });
}
const key = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const batch = fc.record({
  origin,
  seq: positive,
  boot: positive,
  encoded: bytes.map((encoded) => (encoded.length === 0 ? new Uint8Array([1]) : encoded)),
});

function leaderless<T extends LeaderlessMessage['type']>(
  type: T,
  fields: { [K in keyof Omit<Extract<LeaderlessMessage, { type: T }>, 'type' | 'from' | 'to'>]: fc.Arbitrary<unknown> },
): fc.Arbitrary<LeaderlessMessage> {
  return fc.record({
    type: fc.constant(type),
    from: fc.constant(ROUTE.from),
    to: fc.constant(ROUTE.to),
    ...fields,
  }) as unknown as fc.Arbitrary<LeaderlessMessage>;
}

const anyLeaderless: fc.Arbitrary<LeaderlessMessage> = fc.oneof(
  {
    arbitrary: leaderless('gossipDigest', {
      origin: fc.constantFrom('n1~0123456789abcdef', 'n1~1'),
      boot: number,
      respond: flag,
      vector: vectorOf({ seq: number, boot: number, first: number }),
      counter: number,
      heard: vectorOf({ counter: number }),
      creditBytes: number,
      syncing: flag,
      root: fc.option(fc.record({ hash: fc.constantFrom('0', 'abcdef0123456789'), collectedTo: number })),
      clock: number,
      pull: vectorOf({ seq: number }),
      round: number,
      answers: number,
      pending: fc.array(origin, { maxLength: 4 }),
    }),
    weight: 3,
  },
  { arbitrary: leaderless('gossipDelta', { batches: fc.array(batch, { maxLength: 5 }), more: flag }), weight: 4 },
  leaderless('gossipAck', { positions: dots }),
  leaderless('needFullSync', { origins: fc.array(origin, { maxLength: 4 }) }),
  leaderless('fullSyncRequest', { id: number, have: dots }),
  leaderless('fullSyncItems', { id: number, position: number, items: bytes }),
  leaderless('fullSyncEnd', {
    id: number,
    position: number,
    vector: vectorOf({ seq: number, boot: number }),
    counter: number,
    collectedTo: number,
  }),
  leaderless('fullSyncAck', { id: number, position: number, aborted: flag }),
  leaderless('versionProbe', { id: number, keys: fc.array(key, { maxLength: 4 }) }),
  leaderless('versionAnswer', { id: number, versions: fc.array(dots, { maxLength: 4 }) }),
  leaderless('scrubLeaves', { vector: vectorOf({ seq: number }), collectedTo: number, leaves: bytes }),
  leaderless('scrubItems', {
    vector: vectorOf({ seq: number }),
    leaves: fc.array(fc.nat(70_000), { maxLength: 5 }),
    items: bytes,
    respond: flag,
  }),
);

export const anyEnvelope: fc.Arbitrary<WireEnvelope> = fc.record({
  group,
  message: fc.oneof(anyRaft, anySemisync, anyLeaderless),
});
export const anyEnvelopes: fc.Arbitrary<WireEnvelope[]> = fc.array(anyEnvelope, { minLength: 1, maxLength: 8 });

/** Plain values, so that a Buffer equals a Uint8Array with the same bytes. */
export function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, part: unknown) => {
      if (part instanceof Uint8Array) return `bytes:${Buffer.from(part).toString('base64')}`;
      // Buffer.toJSON has run before the replacer sees it.
      const json = part as { type?: unknown; data?: unknown } | null;
      if (json !== null && typeof json === 'object' && json.type === 'Buffer' && Array.isArray(json.data)) {
        return `bytes:${Buffer.from(json.data as number[]).toString('base64')}`;
      }
      return part;
    }),
  );
}

export function appendOf(entries: readonly { readonly payload: Uint8Array }[], groupName = 'default/0'): WireEnvelope {
  return {
    group: groupName as GroupId,
    message: {
      type: 'appendRequest',
      ...ROUTE,
      term: 3 as Term,
      prevIndex: 1000 as LogIndex,
      prevTerm: 3 as Term,
      commit: 999 as LogIndex,
      entries: entries.map(({ payload }, at) => {
        return { index: (1001 + at) as LogIndex, term: 3 as Term, kind: 'commands', payload };
      }),
    },
  };
}

export function heartbeat(commit: number, groupName = 'default/0'): WireEnvelope {
  const message: RaftMessage = {
    type: 'heartbeat',
    ...ROUTE,
    term: 3 as Term,
    commit: commit as LogIndex,
    readRound: 1,
  };
  return { group: groupName as GroupId, message };
}

export function deltaOf(payloads: readonly Uint8Array[], groupName = 'likes/0'): WireEnvelope {
  const batches = payloads.map((encoded, at) => ({ origin: 'n1~1' as OriginId, seq: at + 1, boot: 1, encoded }));
  return { group: groupName as GroupId, message: { type: 'gossipDelta', ...ROUTE, batches, more: false } };
}
