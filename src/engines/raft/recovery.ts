import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex } from '../../base/brand.js';
import type { RaftOptions } from './events.js';
import { RaftLog } from './log.js';
import { MembershipHistory } from './membership-history.js';
import type { MembershipCodec, MembershipPair, PlacedMembership } from './membership.js';
import { faultOf, readMembership, sameRoles } from './membership-rules.js';

/** The log as recovered. A checkpoint ahead of it, or at odds with it, is the truth: committed and durable (S3, S5). */
export function recoverLog({ recovered }: RaftOptions): RaftLog {
  const { baseIndex, baseTerm, entries, appliedIndex, appliedTerm } = recovered;
  assert(appliedIndex >= baseIndex, 'the checkpoint holds everything that was cut from the log');
  const log = new RaftLog(baseIndex, baseTerm, entries);
  const term = log.termOf(appliedIndex);
  if (appliedTerm === undefined) assert(term !== null, 'a checkpoint ahead of the log needs appliedTerm');
  else if (term !== appliedTerm) log.reset(appliedIndex, appliedTerm);
  return log;
}

/**
 * Who belongs to the group: what the checkpoint says (M9), and what the entries after it bring (M2). Checked against
 * what the last hard state recorded.
 */
export function recoverMemberships(options: RaftOptions, log: RaftLog, commit: LogIndex): MembershipHistory {
  const { recovered, codec } = options;
  const { appliedIndex } = recovered;
  const base = baseOf(options);
  const fault = faultOf(base.membership);
  assert(fault === null, `the membership at ${appliedIndex} makes sense: ${fault}`);
  const history = new MembershipHistory(base, appliedIndex);
  for (let at = log.firstIndex; at <= log.lastIndex; at = indexAfter(at)) {
    const { kind, payload } = log.at(at);
    if (kind !== 'membership') continue;
    const membership = readMembership(codec, payload);
    assert(membership !== null, `entry ${at} holds a membership that makes sense`);
    const placed = { index: at, membership };
    if (at > appliedIndex) history.append(placed);
    else
      assert(at < base.index || isSame(codec, placed, base), `M9: the checkpoint knows the membership of entry ${at}`);
  }
  history.commitTo(commit);
  if (recovered.memberships !== undefined) checkRecorded(options, log, history, recovered.memberships);
  return history;
}

/** A checkpoint of one that joined late may not know what the group was formed with; then we may. */
function baseOf({ membership, recovered }: RaftOptions): PlacedMembership {
  const known = recovered.membership;
  if (known !== undefined && known.membership.voters.length > 0) return known;
  assert(known === undefined || known.index === 0, 'only what the group was formed with may be unknown');
  return { index: 0 as LogIndex, membership };
}

/**
 * What must hold between the pair of the newest hard state on disk and what checkpoint and entries say. Appending, undoing
 * and committing a membership writes the pair in the same unit of the log (R4), and a crash leaves whole units, first
 * to some last one. So, of the state that the pair was written in, nothing that bears on memberships is missing:
 *
 *   committed  is the newest one that the checkpoint or the recovered commit index covers. A commit index that moved
 *              without a hard state (C6) moved over no membership. Only a checkpoint may be newer than the pair: a crash
 *              after a snapshot was installed and before the next hard state.
 *   latest     is the last one of the log. Where the log holds nothing beyond the checkpoint it says nothing: the pair may
 *              be of before a snapshot that replaced a log of another history, with a membership that it undid (S5).
 *
 * What the group was formed with comes from the options and from checkpoints of others: there, addresses may differ and
 * one side may know nothing.
 */
function checkRecorded(options: RaftOptions, log: RaftLog, history: MembershipHistory, recorded: MembershipPair): void {
  const { codec, recovered } = options;
  const { committed, latest } = history;
  const checkpointIsNewer = recorded.committed.index < committed.index && committed.index <= recovered.appliedIndex;
  assert(
    checkpointIsNewer || isSame(codec, recorded.committed, committed),
    `M2: the log recorded membership ${recorded.committed.index} as committed, and holds ${committed.index}`,
  );
  assert(
    log.lastIndex === recovered.appliedIndex || isSame(codec, recorded.latest, latest),
    `M2: the log recorded membership ${recorded.latest.index} as in force, and holds ${latest.index}`,
  );
}

function isSame(codec: MembershipCodec, a: PlacedMembership, b: PlacedMembership): boolean {
  if (a.index !== b.index) return false;
  if (a.index > 0) return sameBytes(codec.encode(a.membership), codec.encode(b.membership));
  const oneIsUnknown = a.membership.voters.length === 0 || b.membership.voters.length === 0;
  return oneIsUnknown || sameRoles(a.membership, b.membership);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
