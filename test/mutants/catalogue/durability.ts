import type { Mutant } from '../mutant.js';

/** What is said before it is on disk, and what disks lose. */
export const DURABILITY_MUTANTS: readonly Mutant[] = [
  {
    name: 'vote-never-written',
    title: 'the vote is left out of what is written',
    rule: 'raft.md R3',
    edits: [
      {
        file: 'src/engines/raft/index.js',
        find: 'vote: state.vote, commit: state.commit',
        replace: 'vote: null, commit: state.commit',
      },
    ],
  },
  {
    name: 'vote-in-known-term-not-written',
    title: 'a vote in a term that is known already is kept in memory only',
    rule: 'raft.md R1',
    edits: [
      {
        file: 'src/engines/raft/election.js',
        find: `            state.vote = message.from;
            state.persistence.markHardState();`,
        replace: '            state.vote = message.from;',
      },
    ],
  },
  {
    name: 'candidacy-before-own-vote',
    title: 'vote requests leave before the own vote is on disk',
    rule: 'raft.md R1',
    edits: [
      {
        file: 'src/engines/raft/send.js',
        find: '            return !message.preVote;',
        replace: '            return false;',
      },
    ],
  },
  {
    name: 'ack-before-sync',
    title: 'entries are acknowledged before they are on disk',
    rule: 'raft.md R1',
    edits: [
      {
        file: 'src/engines/raft/send.js',
        find: `        case 'appendResponse':
        case 'voteResponse':
            return true;`,
        replace: `        case 'appendResponse':
            return false;
        case 'voteResponse':
            return true;`,
      },
    ],
  },
  {
    name: 'copy-acknowledged-early',
    title: 'an answer that adds nothing to the log does not wait for earlier writes',
    rule: 'reliability.md §0.3',
    edits: [
      {
        file: 'src/replica/replica.js',
        find: 'if (records.length === 0 && this.#appendsInFlight === 0) {',
        replace: 'if (records.length === 0) {',
      },
    ],
  },
  {
    name: 'term-shown-before-sync',
    title: 'messages show a term that is not on disk',
    rule: 'raft.md R3',
    edits: [
      {
        file: 'src/engines/raft/send.js',
        find: '            return message.term > state.persistence.durableTerm;',
        replace: '            return false;',
      },
    ],
  },
  {
    name: 'leader-counts-unsynced',
    title: 'the leader counts its own copy before its disk has it',
    rule: 'raft.md R2',
    edits: [
      {
        file: 'src/engines/raft/commit.js',
        find: 'voter === state.self ? state.persistence.persistedIndex :',
        replace: 'voter === state.self ? state.log.lastIndex :',
      },
    ],
  },
  {
    name: 'late-completion-vouches',
    title: 'a finished write vouches for entries that were overwritten meanwhile',
    rule: 'raft.md R5',
    faults: ['disk', 'partition', 'network', 'pause'],
    edits: [
      {
        file: 'src/engines/raft/persistence.js',
        find: `            if (batch.lastIndex > before)
                batch.lastIndex = before;`,
        replace: `            if (batch.lastIndex > before)
                continue;`,
      },
    ],
  },
  {
    name: 'checkpoint-ahead-of-log',
    title: 'a checkpoint does not wait for the log',
    rule: 'raft.md S7',
    edits: [
      {
        file: 'src/replica/ordered/checkpointer.js',
        find: 'await this.#task.write(kv, markOf, () => this.#task.append([]));',
        replace: 'await this.#task.write(kv, markOf);',
      },
    ],
  },
  {
    name: 'sync-error-ignored',
    title: 'a failed sync counts as done',
    rule: 'reliability.md §0.5',
    edits: [
      {
        file: 'src/storage/wal/segmented-log.js',
        find: `        if (error !== null)
            return this.#fail(error);`,
        replace: '',
      },
    ],
  },
  {
    name: 'folder-not-synced',
    title: 'the name of a new segment is not made durable',
    rule: 'raft.md W4',
    edits: [
      {
        file: 'src/storage/wal/segmented-log.js',
        find: '        await syncDir(fs, dir);',
        replace: '        await Promise.resolve();',
      },
    ],
  },
  {
    name: 'segment-not-synced',
    title: 'a full segment is left before it is synced',
    rule: 'raft.md W4',
    faults: ['power', 'crash'],
    shows: ['sound-disk-refused'],
    edits: [
      {
        file: 'src/storage/wal/segmented-log.js',
        find: '        await this.#sync(old.file);',
        replace: '        await Promise.resolve();',
      },
    ],
  },
  {
    name: 'recovered-not-synced',
    title: 'what recovery read from the page cache counts as durable',
    rule: 'raft.md W8',
    faults: ['crash', 'power'],
    edits: [
      {
        file: 'src/storage/wal/segmented-log.js',
        find: `        rewrite(file, last.provenBytes, last.endBytes);
        file.syncSync();`,
        replace: '',
      },
    ],
  },
  {
    name: 'recovered-not-rewritten',
    title: 'what a failed sync left in the page cache counts as durable after a restart',
    rule: 'reliability.md §0.5',
    faults: ['disk', 'power', 'crash'],
    edits: [
      {
        file: 'src/storage/wal/segmented-log.js',
        find: '        rewrite(file, last.provenBytes, last.endBytes);',
        replace: '',
      },
    ],
  },
  {
    name: 'damage-taken-for-torn',
    title: 'damage to synced records is cut like a torn tail',
    rule: 'raft.md W1',
    faults: ['rot', 'crash'],
    edits: [
      {
        file: 'src/storage/wal/replay.js',
        find: '        if (proof !== null) {',
        replace: '        if (proof === -1) {',
      },
    ],
  },
  {
    name: 'hard-state-not-repeated',
    title: 'a new segment does not repeat term and vote',
    rule: 'raft.md W5',
    faults: ['crash', 'checkpoint', 'partition'],
    edits: [
      {
        file: 'src/storage/wal/live-groups.js',
        find: `            group,
            hardState,
            memberships,
            base,`,
        replace: `            group,
            hardState: null,
            memberships,
            base,`,
      },
    ],
  },
  {
    name: 'segments-removed-early',
    title: 'segments are removed before the cut that allows it is on disk',
    rule: 'raft.md W4',
    test: 'test/unit/storage/wal/segmented-log.test.ts',
    edits: [
      {
        file: 'src/storage/wal/segmented-log.js',
        find: `        this.#enqueue({ records: [{ kind: 'cut', group, index, term }], sync: true, done });`,
        replace: `        done();
        this.#enqueue({ records: [{ kind: 'cut', group, index, term }], sync: true, done: () => undefined });`,
      },
    ],
  },
  // Of who operates it: nothing on the disk need show what it lacks.
  {
    name: 'lying-disk-kept',
    title: 'a disk that has lost power while it lied stays in its machine',
    rule: 'raft.md R1',
    faults: ['lost-sync', 'crash', 'partition'],
    edits: [
      {
        file: 'src/sim/runner/atlas.js',
        find: '            process.wipe();',
        replace: '',
      },
    ],
  },
];
