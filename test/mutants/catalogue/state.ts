import type { Mutant } from '../mutant.js';

/** The state machine, snapshots and what clients are told. */
export const STATE_MUTANTS: readonly Mutant[] = [
  {
    name: 'snapshot-without-sessions',
    title: 'checkpoints leave the session table out',
    rule: 'raft.md X1',
    edits: [
      {
        file: 'src/kv/state-machine.js',
        find: '                yield* sessions();',
        replace: '',
      },
    ],
  },
  {
    name: 'stale-snapshot-installed',
    title: 'a snapshot older than what is applied is installed',
    rule: 'raft.md S5',
    faults: ['checkpoint', 'partition', 'network'],
    edits: [
      {
        file: 'src/engines/raft/snapshot.js',
        find: '    if (message.index <= state.commit) {',
        replace: '    if (message.index < 0) {',
      },
      {
        file: 'src/replica/ordered/snapshot-receiver.js',
        find: '        const behind = index <= this.#options.appliedIndex() && !replaces;',
        replace: '        const behind = false;',
      },
      {
        file: 'src/replica/raft/member.js',
        find: '        if (mark.index <= this.#applied.index) {',
        replace: '        if (mark.index < 0) {',
      },
    ],
  },
  {
    name: 'no-deduplication',
    title: 'a second delivery of a command is executed again',
    rule: 'raft.md X1',
    edits: [
      {
        file: 'src/kv/sessions.js',
        find: '        if (seq > kept.seq)',
        replace: '        if (seq >= kept.seq)',
      },
      {
        file: 'src/kv/sessions.js',
        find: `        assert(before === undefined || seq > before.seq, 'sequence numbers of a session rise');`,
        replace: '',
      },
    ],
  },
  {
    name: 'timeout-told-as-refusal',
    title: 'a write that was not confirmed in time is told as certainly not done',
    rule: 'raft.md X7',
    edits: [
      {
        file: 'src/replica/raft/write-path.js',
        find: `            this.#intake.unknown(batch, 'No majority confirmed it in time');`,
        replace: `            this.#intake.refuse(batch, new KvorumError('no_leader'));`,
      },
    ],
  },
  {
    name: 'answer-by-index',
    title: 'a client gets the result of whatever entry is at its index',
    rule: 'Raft paper §8',
    test: 'test/unit/replica/raft/write-path.test.ts',
    edits: [
      {
        file: 'src/replica/raft/write-path.js',
        find: '        const mine = waiting.find(({ term }) => term === entry.term);',
        replace: `        const mine = entry.kind === 'commands' ? waiting[0] : undefined;`,
      },
    ],
  },
  {
    name: 'conflicting-log-kept',
    title: 'a restart keeps entries that contradict the checkpoint',
    rule: 'raft.md S5',
    test: 'test/unit/replica/raft/recover.test.ts',
    edits: [
      {
        file: 'src/replica/ordered/recover.js',
        find: '    if (mark !== null && termAt(log, markIndex) !== mark.term) {',
        replace: '    if (mark !== null && termAt(log, markIndex) === null) {',
      },
    ],
  },
  {
    name: 'half-of-a-batch',
    title: 'the operations before one that fails take effect',
    rule: 'raft.md X4',
    test: 'test/unit/kv/state-machine.test.ts',
    edits: [
      {
        file: 'src/kv/state-machine.js',
        find: 'const failed = failedBatch(',
        replace: 'if (staged.size > 0) state.commit(staged, sizeDelta);\n                const failed = failedBatch(',
      },
    ],
  },
  {
    name: 'canary',
    title: 'a checker that always finds something: proof that findings are reported',
    rule: 'none',
    edits: [
      {
        file: 'src/sim/checks/raft/reads.js',
        find: `        if (revision >= floor)
            return;`,
        replace: `        if (revision < 0)
            return;`,
      },
    ],
  },
];
