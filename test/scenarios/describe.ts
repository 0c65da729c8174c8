import { unreachable } from '../../src/base/assert.js';
import type { RaftStatus } from '../../src/engines/engine.js';
import type { HardState } from '../../src/engines/raft/events.js';
import type { Membership } from '../../src/engines/raft/membership.js';
import type { Entry, RaftMessage } from '../../src/engines/raft/messages.js';
import { membershipCodec } from '../../src/wire/membership-codec.js';

/** `4/2 "x"`: index, term, what it carries. */
export function entryText({ index, term, kind, payload }: Entry): string {
  const position = `${index}/${term}`;
  if (kind === 'noop') return `${position} no-op`;
  if (kind === 'membership') return `${position} members {${membershipText(membershipCodec.decode(payload))}}`;
  return `${position} "${Buffer.from(payload).toString()}"`;
}

function entriesText(entries: readonly Entry[]): string {
  return entries.map(entryText).join(', ');
}

export function membershipText({ learners, outgoing, removed, voters }: Membership): string {
  const parts = [voters.join(' ')];
  if (outgoing.length > 0) parts.push(`outgoing ${outgoing.join(' ')}`);
  if (learners.length > 0) parts.push(`learners ${learners.join(' ')}`);
  if (removed.length > 0) parts.push(`removed ${removed.join(' ')}`);
  return parts.join(', ');
}

export function hardStateText({ commit, term, vote }: HardState): string {
  return `term ${term}, vote ${vote ?? '-'}, commit ${commit}`;
}

export function roleText({ leader, role, term }: RaftStatus): string {
  if (role === 'follower') return leader === null ? `follower, term ${term}` : `follows ${leader}, term ${term}`;
  return `${role}, term ${term}`;
}

/** A message as one line, without who sends it to whom. */
export function messageText(message: RaftMessage): string {
  const inTerm = `(term ${message.term})`;
  switch (message.type) {
    case 'appendRequest': {
      const what = message.entries.length === 0 ? 'nothing new' : entriesText(message.entries);
      return `append after ${message.prevIndex}/${message.prevTerm}: ${what}; commit ${message.commit} ${inTerm}`;
    }
    case 'appendResponse':
      if (!message.rejected) return `has all up to ${message.index} ${inTerm}`;
      return `rejects after ${message.index}, try ${message.hintIndex}/${message.hintTerm} ${inTerm}`;
    case 'heartbeat':
      return `heartbeat ${message.readRound}; commit ${message.commit} ${inTerm}`;
    case 'heartbeatResponse':
      return `heard heartbeat ${message.readRound} ${inTerm}`;
    case 'voteRequest': {
      const kind = message.preVote ? 'would you vote' : message.transfer ? 'vote, as asked by the leader' : 'vote';
      return `${kind}? my last is ${message.lastIndex}/${message.lastTerm} ${inTerm}`;
    }
    case 'voteResponse':
      return `${message.preVote ? 'would vote' : 'vote'}: ${message.granted ? 'yes' : 'no'} ${inTerm}`;
    case 'timeoutNow':
      return `campaign now ${inTerm}`;
    case 'readIndexRequest':
      return `where may I read? ${inTerm}`;
    case 'readIndexResponse':
      return message.ok ? `read at ${message.index} ${inTerm}` : `no read index here ${inTerm}`;
    case 'forwardProposal': {
      const { kind, payload } = message;
      return `please append ${kind === 'commands' ? `"${Buffer.from(payload).toString()}"` : 'a change of members'} ${inTerm}`;
    }
    case 'forwardProposalResponse':
      if (message.refused !== null) return `refused: ${message.refused} ${inTerm}`;
      return `appended at ${message.index}/${message.entryTerm} ${inTerm}`;
    case 'snapshotChunk':
      return `snapshot at ${message.index}/${message.indexTerm} ${inTerm}`;
    case 'snapshotChunkResponse':
      return `snapshot ${message.ok ? 'installed' : 'not installed'} ${inTerm}`;
    default:
      return unreachable(message);
  }
}
