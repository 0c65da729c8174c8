import type { Mutant } from '../mutant.js';

/** Who belongs to the group, and who counts. */
export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  {
    name: 'joint-commit-by-new-voters',
    title: 'while a change is under way, only the new voters count for commits',
    rule: 'raft.md C5',
    edits: [
      {
        file: 'src/engines/raft/quorum.js',
        find: '    return isJoint(membership) ? Math.min(reached, reachedIn(membership.outgoing, valueOf)) : reached;',
        replace: '    return reached;',
      },
    ],
  },
  {
    name: 'joint-election-by-new-voters',
    title: 'while a change is under way, only the new voters count in elections',
    rule: 'raft.md C5',
    faults: ['membership', 'partition', 'crash'],
    edits: [
      {
        file: 'src/engines/raft/quorum.js',
        find: `    if (!isJoint(membership) || result === 'lost')`,
        replace: `    if (result !== 'never')`,
      },
    ],
  },
  {
    name: 'membership-in-force-when-committed',
    title: 'a membership is in force when it is committed, not when it is appended',
    rule: 'raft.md M2',
    edits: [
      {
        file: 'src/engines/raft/state.js',
        find: '    return state.memberships.pair.latest.membership;',
        replace: '    return state.memberships.pair.committed.membership;',
      },
    ],
  },
  {
    name: 'change-before-own-term',
    title: 'a new leader changes the membership before it has committed anything',
    rule: 'raft.md M1',
    edits: [
      {
        file: 'src/engines/raft/change.js',
        find: '    if (latest !== committed || isJoint(latest.membership) || !termStartCommitted(state))',
        replace: '    if (latest !== committed || isJoint(latest.membership))',
      },
    ],
  },
  {
    name: 'two-changes-at-once',
    title: 'a change is begun while another is not committed',
    rule: 'raft.md M1',
    edits: [
      {
        file: 'src/engines/raft/change.js',
        find: '    if (latest !== committed || isJoint(latest.membership) || !termStartCommitted(state))',
        replace: '    if (isJoint(latest.membership) || !termStartCommitted(state))',
      },
    ],
  },
  {
    name: 'joint-left-early',
    title: 'the second step of a change follows the first at once',
    rule: 'raft.md C5',
    edits: [
      {
        file: 'src/engines/raft/change.js',
        find: `    if (latest !== committed || !termStartCommitted(state))
        return;`,
        replace: `    if (!termStartCommitted(state))
        return;`,
      },
    ],
  },
  {
    name: 'membership-not-undone',
    title: 'a truncated membership stays in force',
    rule: 'raft.md M2',
    faults: ['membership', 'partition', 'crash'],
    edits: [
      {
        file: 'src/engines/raft/follower.js',
        find: '            if (memberships.truncateFrom(entry.index))',
        replace: '            if (memberships === null)',
      },
    ],
  },
  {
    name: 'learner-counts',
    title: 'acknowledgements of learners count for commits',
    rule: 'raft.md M6',
    edits: [
      {
        file: 'src/engines/raft/quorum.js',
        find: '    const reached = reachedIn(membership.voters, valueOf);',
        replace: `    const values = [...membership.voters, ...membership.learners].map(valueOf).sort((a, b) => b - a);
    const reached = values[majorityOf(membership.voters) - 1] ?? 0;`,
      },
    ],
  },
  {
    name: 'removed-id-reused',
    title: 'a removed id may be added again',
    rule: 'raft.md M3',
    faults: ['membership'],
    edits: [
      {
        file: 'src/engines/raft/membership-rules.js',
        find: '    if (before.removed.includes(member.id))',
        replace: '    if (before.removed === null)',
      },
      {
        file: 'src/engines/raft/membership-rules.js',
        find: '    if (removed.some((id) => isListed(membership, id)))',
        replace: '    if (removed === null)',
      },
    ],
  },
  {
    name: 'removed-id-forgotten',
    title: 'a removed voter is not remembered',
    rule: 'raft.md M3',
    edits: [
      {
        file: 'src/engines/raft/membership-rules.js',
        find: '        removed: [...joint.removed, ...gone],',
        replace: '        removed: joint.removed,',
      },
    ],
  },
  {
    name: 'wiped-folder-admitted',
    title: 'a replica with another data folder is let in again',
    rule: 'raft.md M4',
    plan: 'test/mutants/plans/wiped-folder-admitted.json',
    edits: [
      {
        file: 'src/replica/peers.js',
        find: `    return folders.length === 0 || folders.some((name) => name === folder) ? null : 'foreign_folder';`,
        replace: `    return folders.length === 0 || folders.some((name) => name !== '') ? null : 'foreign_folder';`,
      },
    ],
  },
  {
    name: 'formation-in-one-phase',
    title: 'a replica takes part as soon as it has prepared',
    rule: 'raft.md M4',
    shows: ['liveness'],
    edits: [
      {
        file: 'src/replica/formation.js',
        find: '        return { prepared, formed: prepared.length === 1, joining: false };',
        replace: '        return { prepared, formed: true, joining: false };',
      },
    ],
  },
  {
    name: 'snapshot-without-membership',
    title: 'an installed snapshot leaves the membership as it was',
    rule: 'raft.md M9',
    edits: [
      {
        file: 'src/engines/raft/snapshot.js',
        find: '    state.memberships.install(index, membership, agrees);',
        replace: '',
      },
    ],
  },
  {
    name: 'stays-leader-after-removal',
    title: 'a removed leader never hands over',
    rule: 'raft.md M7',
    edits: [
      {
        file: 'src/engines/raft/change.js',
        find: '    else if (!isVoter(membership, state.self) && state.transfer === null)',
        replace: '    else if (membership === null)',
      },
    ],
  },
];
