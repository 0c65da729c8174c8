import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId } from '../../base/brand.js';
import { InflightWindow } from '../raft/inflight.js';
import type { FollowerStatus } from './semisync.js';

/**
 * What a leader knows of one follower.
 *
 *   probe      where do our logs meet? One append at a time, then wait for its answer or a heartbeat's
 *   replicate  pipelined appends within the window; `next` runs ahead of `match`
 *   fullsync   entries that it needs were cut away, or it has another history: a snapshot is on its way
 */
export class Progress {
  readonly peer: ReplicaId;
  readonly inflight: InflightWindow;
  state: 'probe' | 'replicate' | 'fullsync' = 'probe';
  /** Highest index known to be durable on the follower and equal to ours: what a commit counts. */
  match = 0 as LogIndex;
  /** The next index to send; always > match. */
  next: LogIndex;
  /** Probe: an append is out and unanswered. */
  paused = false;
  /** An append must go out even if it carries no entries: to learn where the follower stands. */
  wantsEmpty = false;
  /** It applied what we do not have; until the snapshot that replaces its state was sent, nothing that it said counts. */
  replaces = false;
  heardTick: number;
  /** Last time that it had everything, or took something more. Not at all in this epoch: -Infinity. */
  keptUpTick = Number.NEGATIVE_INFINITY;
  /** Highest heartbeat round that it answered. */
  ackedRound = 0;
  /** Its clock, as of its last answer. */
  clock = 0;
  /** See Heartbeat. */
  vouched: { readonly commit: LogIndex; readonly clock: number } = { commit: 0 as LogIndex, clock: 0 };

  constructor(peer: ReplicaId, next: LogIndex, tick: number, window: { messages: number; bytes: number }) {
    this.peer = peer;
    this.next = next;
    this.heardTick = tick;
    this.inflight = new InflightWindow(window.messages, window.bytes);
  }

  becomeProbe(next: LogIndex = indexAfter(this.match)): void {
    assert(next > this.match, 'A3: next stays above match');
    this.state = 'probe';
    this.next = next;
    this.paused = false;
    this.inflight.clear();
  }

  /** It may come back with nothing: nothing that it acknowledged counts any more. */
  forget(): void {
    const { next } = this;
    this.match = 0 as LogIndex;
    this.becomeProbe(next);
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = indexAfter(this.match);
    this.paused = false;
    this.inflight.clear();
  }

  becomeFullsync(replaces: boolean): void {
    this.state = 'fullsync';
    if (replaces) this.match = 0 as LogIndex;
    this.replaces = replaces;
    this.next = indexAfter(this.match);
    this.paused = false;
    this.inflight.clear();
  }

  /** True when the acknowledgement told something new. */
  acknowledge(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = indexAfter(index);
    return true;
  }

  /**
   * ap.md §1.3.2 step 0: it follows, in our epoch, and its acknowledgements keep up. One that answers heartbeats while its
   * disk stands still is not available.
   */
  isAvailable(tick: number, maxLagTicks: number): boolean {
    return this.state === 'replicate' && tick - this.keptUpTick <= maxLagTicks;
  }

  status(tick: number, maxLagTicks: number): FollowerStatus {
    const follows = this.isAvailable(tick, maxLagTicks) ? 'online' : 'lagging';
    return {
      peer: this.peer,
      state: this.state === 'replicate' ? follows : this.state,
      durableIndex: this.match,
      sentIndex: indexAfter(this.next, -1),
      silentTicks: tick - this.heardTick,
    };
  }
}
