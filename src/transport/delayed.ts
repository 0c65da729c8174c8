import { assert } from '../base/assert.js';
import type { ReplicaId } from '../base/brand.js';
import { systemClock, type Clock } from '../base/clock.js';
import { LIMITS } from '../base/limits.js';
import { createPrng, type Prng } from '../base/prng.js';
import { systemScheduler, type Scheduler } from '../base/scheduler.js';
import { envelopeBytes } from '../wire/codec.js';
import type {
  Envelope,
  FormationMessage,
  PeerAddress,
  PeerLinkStatus,
  Transport,
  TransportHandlers,
} from './transport.js';

export interface DelayOptions {
  readonly self: ReplicaId;
  /** Drawn anew for each frame, uniformly; both included. */
  readonly rangeMs: readonly [min: number, max: number];
  /** With the same seed, the n-th frame from one peer to one replica always waits equally long. */
  readonly seed: number;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  /** What may wait from one peer; beyond it the oldest is handed on early, and counted as `delay_full`. */
  readonly waitingBytesMax?: number;
}

/** A frame in memory costs that much besides its bytes; so does each replica that a formation names. */
const FRAME_OVERHEAD_BYTES = 256;
/** The system's timers count whole milliseconds: what is due within half of one is handed on. */
const TOLERANCE_MS = 0.5;

interface Waiting {
  /** One of both. */
  readonly envelopes: readonly Envelope[] | null;
  readonly formation: FormationMessage | null;
  readonly bytes: number;
  readonly releaseAtMs: number;
}

/** What has arrived from one peer and waits. */
interface Lane {
  readonly prng: Prng;
  /** In the order in which it came, and so of releaseAtMs. */
  queue: Waiting[];
  bytes: number;
  lastReleaseMs: number;
  early: number;
  /** Set while a timer runs for the first of the queue. */
  cancel: (() => void) | null;
}

/**
 * A slow network (ap.md §1.3.8): what arrives from a peer is handed on later, at max(when the one before it is, now + a sample), so
 * that the order of a stream stays. Peers do not hold up each other. Messages and formations share one order; handshakes,
 * and links that come up or go down, are not delayed: what waits from a peer whose link goes down is lost, as it would be
 * on the way.
 */
export function createDelayedTransport(transport: Transport, options: DelayOptions): Transport {
  return new DelayedTransport(transport, options);
}

class DelayedTransport implements Transport {
  readonly #inner: Transport;
  readonly #options: DelayOptions;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #bytesMax: number;
  /** One per peer that was ever heard: the admitted ones. */
  readonly #lanes = new Map<ReplicaId, Lane>();
  #handlers: TransportHandlers | null = null;

  constructor(inner: Transport, options: DelayOptions) {
    const [min, max] = options.rangeMs;
    assert(min >= 0 && min <= max, 'a delay is a range of times');
    this.#inner = inner;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#bytesMax = options.waitingBytesMax ?? LIMITS.peerQueueBytes;
  }

  start(handlers: TransportHandlers): Promise<void> {
    assert(this.#handlers === null, 'a transport is started once');
    this.#handlers = handlers;
    return this.#inner.start({
      onMessages: (from, envelopes) => this.#arrived(from, envelopes, null),
      onFormation: (message) => this.#arrived(message.from, null, message),
      admits: (peer, folder) => handlers.admits(peer, folder),
      onRefused: (by, code, text) => handlers.onRefused(by, code, text),
      onPeerUp: (peer) => handlers.onPeerUp(peer),
      onPeerDown: (peer, reason) => {
        this.#drop(peer);
        handlers.onPeerDown(peer, reason);
      },
    });
  }

  #arrived(from: ReplicaId, envelopes: readonly Envelope[] | null, formation: FormationMessage | null): void {
    if (this.#handlers === null) return;
    const lane = this.#laneOf(from);
    const [min, max] = this.#options.rangeMs;
    const nowMs = this.#clock.monotonicMs();
    const releaseAtMs = Math.max(lane.lastReleaseMs, nowMs + min + (max - min) * lane.prng.float());
    lane.lastReleaseMs = releaseAtMs;
    const bytes = FRAME_OVERHEAD_BYTES + envelopesBytes(envelopes ?? []) + formationBytes(formation);
    lane.queue.push({ envelopes, formation, bytes, releaseAtMs });
    lane.bytes += bytes;
    while (lane.bytes > this.#bytesMax) {
      lane.early++;
      this.#handOn(from, lane);
    }
    if (lane.cancel === null) this.#release(from, lane);
  }

  /** Hands on what is due, and sets the timer for what is not. */
  #release(from: ReplicaId, lane: Lane): void {
    for (;;) {
      const [next] = lane.queue;
      if (next === undefined) return;
      const waitMs = next.releaseAtMs - this.#clock.monotonicMs();
      if (waitMs > TOLERANCE_MS) {
        lane.cancel = this.#scheduler.after(waitMs, () => {
          lane.cancel = null;
          this.#release(from, lane);
        });
        return;
      }
      this.#handOn(from, lane);
    }
  }

  /** The handlers may cut the link, or close us: nothing is taken for granted after it. */
  #handOn(from: ReplicaId, lane: Lane): void {
    const next = lane.queue.shift();
    if (next === undefined) return;
    lane.bytes -= next.bytes;
    assert(lane.bytes >= 0, 'what waits was counted when it came');
    if (next.formation !== null) this.#handlers?.onFormation(next.formation);
    if (next.envelopes !== null) this.#handlers?.onMessages(from, next.envelopes);
  }

  #drop(peer: ReplicaId): void {
    const lane = this.#lanes.get(peer);
    if (lane === undefined) return;
    lane.cancel?.();
    lane.cancel = null;
    lane.queue = [];
    lane.bytes = 0;
    lane.lastReleaseMs = 0;
  }

  #laneOf(peer: ReplicaId): Lane {
    let lane = this.#lanes.get(peer);
    if (lane === undefined) {
      const { seed, self } = this.#options;
      const prng = createPrng(seed).fork(`${peer} to ${self}`);
      lane = { prng, queue: [], bytes: 0, lastReleaseMs: 0, early: 0, cancel: null };
      this.#lanes.set(peer, lane);
    }
    return lane;
  }

  send(to: ReplicaId, envelopes: readonly Envelope[]): boolean {
    return this.#inner.send(to, envelopes);
  }

  sendFormation(message: FormationMessage): boolean {
    return this.#inner.sendFormation(message);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    this.#inner.setPeers(peers);
  }

  folderOf(peer: ReplicaId): string | null {
    return this.#inner.folderOf(peer);
  }

  isUp(peer: ReplicaId): boolean {
    return this.#inner.isUp(peer);
  }

  queuedBytes(peer: ReplicaId): number {
    return this.#inner.queuedBytes(peer);
  }

  status(): readonly PeerLinkStatus[] {
    return this.#inner.status().map((link) => {
      const early = this.#lanes.get(link.peer)?.early ?? 0;
      return early === 0 ? link : { ...link, closedBy: { ...link.closedBy, delay_full: early } };
    });
  }

  close(): Promise<void> {
    for (const peer of this.#lanes.keys()) this.#drop(peer);
    this.#handlers = null;
    return this.#inner.close();
  }
}

function envelopesBytes(envelopes: readonly Envelope[]): number {
  let bytes = 0;
  for (const envelope of envelopes) bytes += envelopeBytes(envelope);
  return bytes;
}

function formationBytes(formation: FormationMessage | null): number {
  return formation === null ? 0 : FRAME_OVERHEAD_BYTES * (formation.replicas.length + formation.members.length);
}
