import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type ReplicaId } from '../../base/brand.js';
import type { PeerProgress } from '../engine.js';
import { InflightWindow } from './inflight.js';

/** A former member counts nowhere. It is still told of the entry that took it out, once that is committed. */
export interface Leaving {
  readonly index: LogIndex;
  readonly sinceTick: number;
}

/**
 * What a leader knows of one follower.
 *
 *   probe      where do our logs meet? One append at a time, then wait for its answer or a heartbeat's
 *   replicate  pipelined appends within the window; `next` runs ahead of `match`
 *   snapshot   entries it needs were cut away: nothing is appended until a snapshot has reconnected the logs
 */
export class Progress {
  readonly peer: ReplicaId;
  readonly inflight: InflightWindow;
  state: PeerProgress['state'] = 'probe';
  /** Highest index known to be durable on the follower and equal to ours. */
  match: LogIndex = 0 as LogIndex;
  /** The next index to send; always > match (raft.md A3). */
  next: LogIndex;
  /** Probe: an append is out and unanswered. */
  paused = false;
  /** An append must go out even if it carries no entries: to learn where the follower stands (raft.md A4). */
  wantsEmpty = false;
  /**
   * Tick at which the follower was last heard of: check-quorum, snapshots only to the living (S12). One that we have just
   * begun to track is given an election timeout.
   */
  activeTick: number;
  /** It has answered us since: what a change of membership relies on (raft.md M6, M8). */
  heard = false;
  /** Highest heartbeat round that the follower acknowledged (raft.md L2). */
  ackedRound = 0;
  /** The commit index that the follower has, once everything on its way arrives. */
  commitSent: LogIndex = 0 as LogIndex;
  /** Set when the membership in force does not list it any more; see Leaving. */
  leaving: Leaving | null = null;
  /** The follower waits (forwarded proposal, read) for the commit index to reach this. */
  commitWanted: LogIndex = 0 as LogIndex;

  constructor(peer: ReplicaId, next: LogIndex, tick: number, window: { messages: number; bytes: number }) {
    this.peer = peer;
    this.next = next;
    this.activeTick = tick;
    this.inflight = new InflightWindow(window.messages, window.bytes);
  }

  heardAt(tick: number): void {
    this.activeTick = tick;
    this.heard = true;
  }

  becomeProbe(next: LogIndex = indexAfter(this.match)): void {
    assert(next > this.match, 'A3: next stays above match');
    this.state = 'probe';
    this.next = next;
    this.paused = false;
    this.inflight.clear();
    this.commitSent = Math.min(this.commitSent, this.match) as LogIndex;
  }

  /** Nothing that the follower acknowledged can be relied on any more. Knowing less is always safe. */
  forget(): void {
    const { next } = this;
    this.match = 0 as LogIndex;
    this.commitSent = 0 as LogIndex;
    this.becomeProbe(next);
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = indexAfter(this.match);
    this.paused = false;
    this.inflight.clear();
  }

  becomeSnapshot(): void {
    this.state = 'snapshot';
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

  status(activeSinceTick: number): PeerProgress {
    return {
      peer: this.peer,
      state: this.state,
      matchIndex: this.match,
      nextIndex: this.next,
      inflightMessages: this.inflight.count,
      recentlyActive: this.activeTick >= activeSinceTick,
    };
  }
}
