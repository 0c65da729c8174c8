import type { Mutant } from '../mutant.js';

/** Elections, replication and commits. */
export const CONSENSUS_MUTANTS: readonly Mutant[] = [
  {
    name: 'quorum-is-half',
    title: 'a quorum is half of the voters',
    rule: 'raft.md C5',
    edits: [
      {
        file: 'src/engines/raft/quorum.js',
        find: '    return Math.floor(voters.length / 2) + 1;',
        replace: '    return Math.max(1, Math.floor(voters.length / 2));',
      },
    ],
  },
  {
    name: 'vote-without-log-check',
    title: 'votes are given to candidates with older logs',
    rule: 'Raft paper §5.4.1',
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: '    return message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex);',
        replace: '    return message.lastTerm >= 0 && lastTerm >= 0 && lastIndex >= 0;',
      },
    ],
  },
  {
    name: 'longer-log-wins',
    title: 'votes compare the length of logs before their terms',
    rule: 'Raft paper §5.4.1',
    faults: ['partition', 'crash'],
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: '    return message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex);',
        replace:
          '    return message.lastIndex > lastIndex || (message.lastIndex === lastIndex && message.lastTerm >= lastTerm);',
      },
    ],
  },
  {
    name: 'two-votes-in-a-term',
    title: 'a vote is given to whoever asks, again and again',
    rule: 'Raft paper §5.2',
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: '    return state.vote === message.from || (state.vote === null && state.leader === null);',
        replace: '    return state.leader === null && state.vote !== state.self;',
      },
      {
        file: 'src/engines/raft/election.js',
        find: `            assert(state.vote === null, 'one vote per term');`,
        replace: '',
      },
    ],
  },
  {
    name: 'no-previous-term-check',
    title: 'appends follow whatever entry is there',
    rule: 'Raft paper §5.3',
    edits: [
      {
        file: 'src/engines/raft/follower.js',
        find: '    if (state.log.termOf(message.prevIndex) !== message.prevTerm) {',
        replace: '    if (state.log.termOf(message.prevIndex) === null) {',
      },
    ],
  },
  {
    name: 'heartbeat-commit-not-capped',
    title: 'heartbeats carry the commit index to followers that may not match',
    rule: 'raft.md C3',
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '        const commit = Math.min(progress.match, state.commit); // C3',
        replace: '        const commit = state.commit;',
      },
      {
        file: 'src/engines/raft/follower.js',
        find: '    if (message.commit > state.log.lastIndex && state.installing === null) {',
        replace: '    if (message.commit < 0) {',
      },
      {
        file: 'src/engines/raft/follower.js',
        find: '        commitTo(state, message.commit);',
        replace: '        commitTo(state, Math.min(message.commit, state.log.lastIndex));',
      },
    ],
  },
  {
    name: 'truncation-without-conflict',
    title: 'a follower truncates what it holds already',
    rule: 'raft.md A1',
    faults: ['network', 'partition'],
    edits: [
      {
        file: 'src/engines/raft/follower.js',
        find: '        if (term !== entry.term) {',
        replace: '        if (entry.index > state.commit) {',
      },
    ],
  },
  {
    name: 'old-term-committed-by-counting',
    title: 'entries of older terms are committed by counting',
    rule: 'raft.md C1',
    edits: [
      {
        file: 'src/engines/raft/commit.js',
        find: '    if (reached <= state.commit || state.log.termOf(reached) !== state.term)',
        replace: '    if (reached <= state.commit)',
      },
    ],
  },
  {
    name: 'pre-vote-moves-the-term',
    title: 'a pre-vote request changes the term of who hears it',
    rule: 'raft.md E1',
    shows: ['liveness'],
    edits: [
      {
        file: 'src/engines/raft/receive.js',
        find: `            if (!message.preVote)
                becomeFollower(state, message.term, null, true);`,
        replace: '            becomeFollower(state, message.term, null, true);',
      },
    ],
  },
  {
    name: 'votes-of-older-terms-count',
    title: 'late answers to an earlier candidacy are counted',
    rule: 'raft.md E7',
    faults: ['network', 'partition'],
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: `    else if (state.role !== 'candidate' || message.term !== state.term)`,
        replace: `    else if (state.role !== 'candidate')`,
      },
      {
        file: 'src/engines/raft/receive.js',
        find: `            if (message.preVote && !message.granted)
                onVoteResponse(state, message);`,
        replace: `            if ((message.preVote && !message.granted) || (!message.preVote && message.granted))
                onVoteResponse(state, message);`,
      },
    ],
  },
  {
    name: 'no-noop',
    title: 'a leader appends nothing when its term begins',
    rule: 'raft.md C1',
    edits: [
      {
        file: 'src/engines/raft/role.js',
        find: `    appendOwn(state, 'noop', new Uint8Array(0)); // C1: without it nothing of older terms could be committed.`,
        replace: '',
      },
    ],
  },
  {
    name: 'foreign-acknowledgement-counts',
    title: 'an acknowledgement counts up to the end of the request, whatever was rejected',
    rule: 'raft.md A3',
    edits: [
      {
        file: 'src/engines/raft/replication.js',
        find: `    if (message.rejected)
        onRejected(state, progress, message);`,
        replace: `    if (message.rejected && message.index > state.log.lastIndex)
        onRejected(state, progress, message);`,
      },
    ],
  },
  {
    name: 'commit-beyond-match',
    title: "a follower commits up to the end of its log, whatever of it is known to be the leader's",
    rule: 'raft.md C2',
    test: 'test/unit/engines/raft/commit.test.ts',
    edits: [
      {
        file: 'src/engines/raft/follower.js',
        find: 'commitTo(state, Math.min(message.commit, matched));',
        replace: 'commitTo(state, Math.min(message.commit, state.log.lastIndex));',
      },
    ],
  },
];
