import { assert } from '../../base/assert.js';
import type { OriginId, ReplicaId } from '../../base/brand.js';
import { LamportClock } from './clock.js';
import type {
  EnsureOutcome,
  LeaderlessCounters,
  LeaderlessEvent,
  LeaderlessOptions,
  Requirement,
  WriteOutcome,
} from './events.js';
import type { LeaderlessMessage } from './messages.js';
import { OriginBuffer } from './origin-buffer.js';
import { OriginLog } from './origin-log.js';
import type { Peer } from './peer.js';
import { Persistence } from './persistence.js';
import type { DeliveryPolicy } from './policy.js';
import type { Dot, OriginBatch, Vector } from './types.js';
import type { MutableVector } from './vector.js';

/** What is known of one origin here. */
export interface OriginHere {
  readonly origin: OriginId;
  readonly log: OriginLog;
  readonly buffer: OriginBuffer;
  /** Our row of the matrix: everything of the origin up to this counter is durable here (ap.md §1.0.6). */
  heard: number;
  /** Told, but not everything before it is durable here yet. The oldest and the newest such word. */
  told: { readonly seq: number; readonly counter: number }[];
  /** The batch after the last accepted one was refused: it is not asked for before this tick. */
  refusedUntilTick: number;
  /** Null unless the head of the buffer waits for a dependency. */
  waitsFor: Dot | null;
  /** Since when somebody is known to have more than we received; null: nobody. */
  lacksSinceTick: number | null;
}

export type WriteEvent = Extract<LeaderlessEvent, { readonly type: 'write' }>;

export interface Ensure {
  readonly id: number;
  readonly dots: readonly Dot[];
  readonly need: Requirement;
  /** Our last digest before it began: what answers a later one was said after that. */
  readonly sinceRound: number;
}

export interface Outbox {
  messages: LeaderlessMessage[];
  deliver: OriginBatch[];
  written: WriteOutcome[];
  ensured: EnsureOutcome[];
  mismatch: ReplicaId | null;
  changed: boolean;
}

/** How a replica came to be allowed to write. */
export type Start =
  /** Waits for a word of a member (ap.md §1.0.1 rule 2, §1.0.6); `fresh`: for as long as it takes. */
  { readonly phase: 'waiting'; readonly fresh: boolean } | { readonly phase: 'met' };

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Everything that one member of a leaderless group knows. Changed only by the functions of this folder. */
export interface LeaderlessState {
  readonly options: LeaderlessOptions;
  readonly policy: DeliveryPolicy;
  readonly self: ReplicaId;
  origin: OriginId;
  members: readonly ReplicaId[];
  readonly peers: Map<ReplicaId, Peer>;
  /** In the order in which they became known: messages name them in this order too. */
  readonly origins: Map<OriginId, OriginHere>;
  /** Durable positions of `origins`. */
  readonly vector: MutableVector;
  readonly clock: LamportClock;
  readonly persistence: Persistence;
  readonly counters: Mutable<LeaderlessCounters>;

  tick: number;
  nextRoundTick: number;
  /** Who comes in the next rounds, last first. */
  turns: ReplicaId[];
  round: number;
  /** What `round` began with. Answers to anything else are to a former life of ours. */
  readonly roundsFrom: number;
  start: Start;
  /** Everybody has told what it has of our origin, and can get no more of it from our former life: see start.ts. */
  heardOut: boolean;
  /** What the members had when they were met: `behind` until we have it too. */
  readonly goal: MutableVector;
  readonly parked: { readonly event: WriteEvent; readonly tick: number }[];
  parkedBytes: number;
  /** Dependencies stated by our batches since the start. */
  stated: MutableVector;
  /** The highest counter that was promised to be below all later batches of ours. */
  promised: number;

  readonly ensures: Map<number, Ensure>;
  ensuresDirty: boolean;
  pullsDirty: boolean;
  stabilityDirty: boolean;
  /** Heads of buffers that wait, by the origin that they wait for. */
  readonly waiters: Map<OriginId, Set<OriginHere>>;

  stable: number;
  collectedTo: number;
  /** What the driver was told to collect. */
  collecting: number;
  collectUnderway: boolean;
  readonly retired: Set<OriginId>;

  renewing: { readonly reason: string; readonly above: readonly OriginId[]; told: boolean } | null;
  /** `received`: what it brings, once all of it has come. */
  sync: { readonly from: ReplicaId; readonly whole: boolean; told: boolean; received: Vector | null } | null;
  syncFailures: number;
  syncAfterTick: number;
  /** The folder's history is not what others know of it: differences would not do. */
  syncWhole: boolean;
  /** What `changed` told last; time has passed since then. */
  shown: string;
  shownStale: boolean;
  mismatchShown: string;
  outbox: Outbox;
}

export function emptyOutbox(): Outbox {
  return { messages: [], deliver: [], written: [], ensured: [], mismatch: null, changed: false };
}

function noCounters(): Mutable<LeaderlessCounters> {
  return {
    rounds: 0,
    deltasSent: 0,
    batchesSent: 0,
    bytesSent: 0,
    duplicates: 0,
    gaps: 0,
    overflows: 0,
    rejectedCounters: 0,
    rejectedBatches: 0,
    fullSyncsStarted: 0,
    fullSyncsDone: 0,
    renewals: 0,
    mismatches: 0,
  };
}

/** Nothing is recovered yet; see recovery.ts. */
export function createState(options: LeaderlessOptions, policy: DeliveryPolicy): LeaderlessState {
  const { recovered } = options;
  assert(options.engine === policy.engine, 'an engine is made with its own policy');
  const roundsFrom = options.prng.uint32() + 1;
  assert(options.gossipTicks >= 1 && options.startGraceTicks >= 0 && options.tickMs > 0, 'times are positive');
  return {
    options,
    policy,
    self: options.self,
    origin: options.origin,
    members: [],
    peers: new Map(),
    origins: new Map(),
    vector: new Map(),
    clock: new LamportClock(Math.max(recovered.counter, recovered.collectedTo), options.limits, options.tickMs),
    persistence: new Persistence(),
    counters: noCounters(),
    tick: 0,
    nextRoundTick: 0,
    turns: [],
    round: roundsFrom,
    roundsFrom,
    start: { phase: 'waiting', fresh: options.fresh },
    heardOut: false,
    goal: new Map(),
    parked: [],
    parkedBytes: 0,
    stated: new Map(),
    promised: 0,
    ensures: new Map(),
    ensuresDirty: false,
    pullsDirty: false,
    stabilityDirty: true,
    waiters: new Map(),
    stable: recovered.collectedTo,
    collectedTo: recovered.collectedTo,
    collecting: recovered.collectedTo,
    collectUnderway: false,
    retired: new Set(recovered.retired),
    renewing: null,
    sync: null,
    syncFailures: 0,
    syncAfterTick: 0,
    syncWhole: false,
    shown: '',
    shownStale: true,
    mismatchShown: '',
    outbox: emptyOutbox(),
  };
}

/** What is known of `origin`, from now on if it is new; null when there is no room for another one. */
export function originHere(state: LeaderlessState, origin: OriginId): OriginHere | null {
  const known = state.origins.get(origin);
  if (known !== undefined) return known;
  if (state.origins.size >= state.options.limits.origins) return null;
  return addOrigin(state, new OriginLog(origin, 0, 0));
}

export function addOrigin(state: LeaderlessState, log: OriginLog): OriginHere {
  const { bufferedBatches, bufferedBytes } = state.options.limits;
  const here: OriginHere = {
    origin: log.origin,
    log,
    buffer: new OriginBuffer(log.accepted, bufferedBatches, bufferedBytes),
    heard: 0,
    told: [],
    refusedUntilTick: 0,
    waitsFor: null,
    lacksSinceTick: null,
  };
  state.origins.set(log.origin, here);
  if (log.durable > 0) state.vector.set(log.origin, log.durable);
  return here;
}

export function acceptedOf(state: LeaderlessState, origin: OriginId): number {
  return state.origins.get(origin)?.log.accepted ?? 0;
}

export function isSyncing(state: LeaderlessState): boolean {
  return state.sync !== null || state.start.phase === 'waiting';
}
