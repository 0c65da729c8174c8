import type { LogIndex, Term } from '../../base/brand.js';
import type { Tail } from './messages.js';

/**
 * All arithmetic of quorums, in one place. F is the number of followers, configured ones, whether reachable or not.
 * Tests put wrong rules in the place of these, to show that the model finds what each of them prevents.
 */
export interface QuorumRules {
  /** How far `writeQuorum` followers, and the leader's own disk, have the log. */
  reached(own: LogIndex, followers: readonly LogIndex[], writeQuorum: number): LogIndex;
  /** The smallest write quorum that a write may have been acknowledged with, of which the tails may not all know. */
  smallestQuorum(tails: Iterable<Tail>): number;
  /** Followers that must have the first entry of an epoch that began by force, whatever the write quorum. */
  forcedStart(followers: number): number;
  /** Promises that it takes to lead after writes that were acknowledged with `writeQuorum` or more. */
  promises(followers: number, writeQuorum: number): number;
  /** Followers that must confirm a ballot before a strong read. */
  confirmations(followers: number, writeQuorum: number): number;
}

function majority(followers: number): number {
  return Math.floor((followers + 1) / 2) + 1;
}

function smallestOfHistory(tails: readonly Tail[]): number {
  const newest = tails.reduce((best, tail) => (tail.commit > best.commit ? tail : best));
  let smallest = newest.writeQuorum;
  for (const { quorums } of tails) {
    for (const { index, writeQuorum } of quorums) {
      if (index > newest.commit && writeQuorum < smallest) smallest = writeQuorum;
    }
  }
  return smallest;
}

export const QUORUM_RULES: QuorumRules = {
  /**
   * The leader is not one of the W, and yet nothing counts before it is on its disk: an acknowledged write is on W + 1
   * disks (ap.md §1.3.5). Acknowledgements are cumulative: the W-th largest is what W followers have.
   */
  reached(own, followers, writeQuorum) {
    if (writeQuorum === 0) return own;
    const descending = [...followers].sort((a, b) => b - a);
    return Math.min(own, descending[writeQuorum - 1] ?? 0) as LogIndex;
  },

  /**
   * ap.md §1.3.4, rule *min*, and after a forced promotion the smallest of all histories that are seen: one of them is
   * the one in which writes are acknowledged. In each: what was in force after the highest commit index that anybody knows, and every later change
   * in anybody's log, committed or not. The newest one alone would be unsafe: it may be a raise that nobody ever used.
   */
  smallestQuorum(tails) {
    const histories = new Map<Term, Tail[]>();
    for (const tail of tails) histories.set(tail.forcedTerm, [...(histories.get(tail.forcedTerm) ?? []), tail]);
    return Math.min(...[...histories.values()].map(smallestOfHistory));
  },

  /**
   * Every majority then meets those who know of the force, and with it the write quorum of that history. Without this, members that were
   * not asked could go on with theirs, and need fewer promises than it takes to see what is acknowledged here.
   */
  forcedStart(followers) {
    return followers + 1 - majority(followers);
  },

  /**
   * F - W + 1 of F + 1 members meet every set of W + 1: so the candidate sees every acknowledged write, and whoever led
   * before cannot reach W followers any more. And a majority, so that at most one candidate is under way with success.
   */
  promises(followers, writeQuorum) {
    return Math.max(majority(followers), followers - writeQuorum + 1);
  },

  /** With the leader itself they meet every set of promises: nobody else can have committed anything before. */
  confirmations(followers, writeQuorum) {
    return followers - this.promises(followers, writeQuorum) + 1;
  },
};
