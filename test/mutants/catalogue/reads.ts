import type { Mutant } from '../mutant.js';

/** Reads and leases. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    name: 'local-reads',
    title: 'the leader answers reads without asking anybody',
    rule: 'raft.md L1',
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: `    if (lease && leaseValid(state))
        answer(state, read, state.commit, true);`,
        replace: `    if (lease || state.role === 'leader')
        answer(state, read, state.commit, false);`,
      },
    ],
  },
  {
    name: 'read-before-own-term',
    title: 'a new leader answers reads before it has committed anything',
    rule: 'raft.md L1',
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '    const ready = termStartCommitted(state);',
        replace: '    const ready = true;',
      },
      {
        file: 'src/engines/raft/read-index.js',
        find: '    return termStartCommitted(state) && !reads.rounds.some((round) => round.reads.length > 0);',
        replace: '    return !reads.rounds.some((round) => round.reads.length > 0);',
      },
    ],
  },
  {
    name: 'old-answer-confirms-new-read',
    title: 'any heartbeat response confirms the newest round',
    rule: 'raft.md L2',
    faults: ['partition', 'network'],
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '    progress.ackedRound = message.readRound;',
        replace: '    progress.ackedRound = state.reads.lastRound;',
      },
    ],
  },
  {
    name: 'read-before-applied',
    title: 'reads do not wait until their index is applied',
    rule: 'raft.md L3',
    edits: [
      {
        file: 'src/replica/raft/read-path.js',
        find: '        if (outcome.index <= appliedIndex)',
        replace: '        if (outcome.index >= 0)',
      },
    ],
  },
  {
    name: 'read-request-id-reused',
    title: 'a follower numbers all its read requests alike',
    rule: 'raft.md L7',
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '    const id = reads.nextRequestId++;',
        replace: '    const id = 1;',
      },
    ],
  },
  {
    name: 'lease-survives-transfer',
    title: 'the lease goes on while leadership is handed over',
    rule: 'raft.md L5',
    faults: ['transfer', 'network'],
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '    if (!options.leaseReads || reads.leaseTick === null || state.transfer !== null || reads.leaseForbidden)',
        replace: '    if (!options.leaseReads || reads.leaseTick === null)',
      },
      {
        file: 'src/engines/raft/read-index.js',
        find: `        if (state.transfer === null && !reads.leaseForbidden)
            reads.leaseTick`,
        replace: '        reads.leaseTick',
      },
      {
        file: 'src/engines/raft/transfer.js',
        find: '    state.reads.leaseTick = null; // L5: dropped at the start, not at the end.',
        replace: '',
      },
    ],
  },
  {
    name: 'lease-survives-pause',
    title: 'the lease is as good after a pause as before it',
    rule: 'raft.md L6',
    faults: ['pause', 'partition'],
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: `    state.reads.leaseTick = null;
    state.reads.rounds = `,
        replace: '    state.reads.rounds = state.reads.rounds ?? ',
      },
      {
        file: 'src/replica/raft/member.js',
        find: '        return this.#options.onTime() && this.#raft.leaseValid();',
        replace: '        return this.#raft.leaseValid();',
      },
    ],
  },
  {
    name: 'lease-from-answer',
    title: 'the lease runs from the answer of a round instead of its start',
    rule: 'raft.md L4',
    faults: ['partition', 'network'],
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '            reads.leaseTick = oldest.sentTick;',
        replace: '            reads.leaseTick = state.tick;',
      },
    ],
  },
  {
    name: 'lease-too-long',
    title: 'the lease is as long as the longest election timeout',
    rule: 'raft.md L4',
    faults: ['partition'],
    edits: [
      {
        file: 'src/engines/raft/read-index.js',
        find: '    const leaseTicks = Math.min(Math.floor(electionTicksMin * 0.9), electionTicksMin - 1);',
        replace: '    const leaseTicks = Math.max(electionTicksMin, options.electionTicks[1]);',
      },
    ],
  },
  {
    name: 'votes-despite-living-leader',
    title: 'votes are given while a leader is heard of',
    rule: 'raft.md E4',
    faults: ['partition', 'network'],
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: '    return state.tick < state.voteHoldUntilTick || leaderIsAlive(state);',
        replace: '    return state.tick < state.voteHoldUntilTick;',
      },
    ],
  },
  {
    name: 'votes-right-after-restart',
    title: 'a restarted replica votes at once, although it may have confirmed a lease',
    rule: 'raft.md E9',
    plan: 'test/mutants/plans/votes-right-after-restart.json',
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: '    return state.tick < state.voteHoldUntilTick || leaderIsAlive(state);',
        replace: '    return leaderIsAlive(state);',
      },
    ],
  },
];
