import type { Mutant } from '../mutant.js';

/** What goes wrong where nobody leads: in the core that lww and causal share, and in the member that drives it. */
export const LEADERLESS_MUTANTS: readonly Mutant[] = [
  {
    name: 'tombstones-naive',
    title: 'a tombstone goes when every member has it, whatever may still come',
    rule: 'ap.md §1.0.6',
    engine: 'lww',
    edits: [
      {
        file: 'src/engines/leaderless/stability.js',
        find: 'least = Math.min(least, row(here));',
        replace:
          'least = Math.min(least, here.log.durable > 0 ? Math.max(row(here), state.clock.durable) : row(here));',
      },
    ],
  },
  {
    name: 'tombstones-by-timer',
    title: 'tombstones go after a while',
    rule: 'ap.md §1.0.6',
    engine: 'lww',
    edits: [
      {
        file: 'src/replica/leaderless/collection.js',
        find: 'this.#counter ?? kv.collectedTo;',
        replace: 'Math.max(this.#counter ?? kv.collectedTo, kv.counter - 4);',
      },
    ],
  },
  {
    name: 'stable-from-volatile-clock',
    title: 'what is told about own counters comes from memory, not from the disk',
    rule: 'ap.md §1.0.6',
    engine: 'lww',
    edits: [
      {
        file: 'src/engines/leaderless/digest.js',
        find: 'const counter = state.clock.durable;',
        replace: 'const counter = state.clock.value;',
      },
    ],
  },
  {
    name: 'clock-lost-at-restart',
    title: 'the clock begins at zero when the process starts',
    rule: 'ap.md §1.0.2',
    engine: 'lww',
    edits: [
      {
        file: 'src/engines/leaderless/recovery.js',
        find: '        state.clock.settle(lastCounter(batch));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'clock-absorbed-unchecked',
    title: 'the clock of a member is taken in, whatever it says',
    rule: 'ap.md §1.0.2',
    engine: 'lww',
    faults: ['hostile', 'checkpoint'],
    edits: [
      {
        file: 'src/engines/leaderless/clock.js',
        find: 'if (budget.spent + ahead > this.#jump)',
        replace: 'if (budget.spent + ahead > this.#ceiling)',
      },
    ],
  },
  {
    name: 'gaps-skipped',
    title: 'batches are accepted although earlier ones of their origin are missing',
    rule: 'ap.md §1.0.3',
    engine: 'lww',
    shows: ['simulator'],
    edits: [
      {
        file: 'src/engines/leaderless/delivery.js',
        find: 'const batch = buffer.get(log.accepted + 1);',
        replace: 'const batch = buffer.get(log.accepted + 1) ?? buffer.get(buffer.highest);',
      },
    ],
  },
  {
    name: 'push-before-durable',
    title: 'own batches are sent before they are on disk',
    rule: 'ap.md §1.0.1',
    engine: 'causal',
    edits: [
      {
        file: 'src/engines/leaderless/deltas.js',
        find: 'stream(state, peer, log, log.durable);',
        replace: 'stream(state, peer, log, log.accepted);',
      },
      {
        file: 'src/engines/leaderless/deltas.js',
        find: 'if (cursor.next > cursor.log.durable)',
        replace: 'if (cursor.next > cursor.log.accepted)',
      },
      {
        file: 'src/engines/leaderless/deltas.js',
        find: 'return peer.reach(state.origin) < positionOf(state.vector, state.origin);',
        replace: 'return peer.reach(state.origin) < (state.origins.get(state.origin)?.log.accepted ?? 0);',
      },
    ],
  },
  {
    name: 'batches-acknowledged-early',
    title: 'batches of others are acknowledged before they are on disk',
    rule: 'reliability.md §0.3',
    engine: 'lww',
    edits: [
      {
        file: 'src/engines/leaderless/deltas.js',
        find: 'const seq = here?.log.durable ?? 0;',
        replace: 'const seq = here?.log.accepted ?? 0;',
      },
    ],
  },
  {
    name: 'delivery-without-dependencies',
    title: 'batches do not wait for what they depend on',
    rule: 'ap.md §1.2.1',
    engine: 'causal',
    edits: [
      {
        file: 'src/engines/causal/index.js',
        find: 'if (position(dot.origin) < dot.seq)',
        replace: 'if (position(dot.origin) < 0)',
      },
    ],
  },
  {
    name: 'dependencies-half-told',
    title: 'what depends on several origins names one of them only',
    rule: 'ap.md §1.2.1',
    engine: 'causal',
    edits: [
      {
        file: 'src/engines/leaderless/writes.js',
        find: '.filter((dot) => dot.origin !== origin);',
        replace: '.filter((dot) => dot.origin !== origin).slice(0, 1);',
      },
    ],
  },
  {
    name: 'delta-newest-first',
    title: 'a delta brings the newest batches when not all fit',
    rule: 'ap.md §1.0.4',
    engine: 'lww',
    edits: [
      {
        file: 'src/engines/leaderless/deltas.js',
        find: 'load.batches.push(wireOf(batch));',
        replace: 'load.batches.unshift(wireOf(batch));',
      },
    ],
  },
  {
    name: 'full-sync-vector-lost',
    title: 'a full sync brings items, and not the vector that they stand for',
    rule: 'ap.md §1.0.5',
    engine: 'causal',
    edits: [
      {
        file: 'src/engines/leaderless/full-sync.js',
        find: '            state.vector.set(origin, log.durable);\n',
        replace: '            continue;\n',
      },
    ],
    shows: ['liveness', 'convergence'],
  },
  {
    name: 'incarnation-kept-after-rollback',
    title: 'a disk that went back in time goes on under its old incarnation',
    rule: 'ap.md §1.0.1',
    engine: 'lww',
    faults: ['rollback', 'checkpoint', 'crash'],
    edits: [
      {
        file: 'src/engines/leaderless/incarnation.js',
        find: 'if (seq > log.durable)\n        return renew(state, `others have ${seq} batches of ${origin}, we ${log.durable}`, []);',
        replace: 'if (seq > log.durable)\n        return;',
      },
    ],
  },
  {
    name: 'session-ignored',
    title: 'a session is served whether or not what it has seen is here',
    rule: 'ap.md §1.2.5',
    engine: 'causal',
    edits: [
      {
        file: 'src/replica/leaderless/sessions.js',
        find: 'return unmet([...seen, ...context], this.#options.vector());',
        replace: 'return unmet([...seen, ...context], this.#options.vector()).slice(0, 0);',
      },
    ],
  },
  {
    name: 'whole-vector-returned',
    title: 'a session that lacks nothing is refused because of something else that is missing',
    rule: 'ap.md §1.2.4',
    engine: 'causal',
    shows: ['liveness'],
    edits: [
      {
        file: 'src/replica/leaderless/sessions.js',
        find: "if (end.result === 'covered' ||",
        replace: "if ((end.result === 'covered' && dots.length < 2) ||",
      },
    ],
  },
  {
    name: 'self-counts-twice',
    title: 'a level counts the replica that was asked twice',
    rule: 'ap.md §1.1',
    engine: 'lww',
    edits: [
      {
        file: 'src/engines/leaderless/ensures.js',
        find: 'let covered = 0;',
        replace: 'let covered = members.length > 1 && members.includes(state.self) ? 1 : 0;',
      },
    ],
  },
  {
    name: 'read-not-repaired',
    title: 'a read at a quorum shows the newest version without making sure that a quorum has it',
    rule: 'ap.md §1.1',
    engine: 'lww',
    edits: [
      {
        file: 'src/replica/leaderless/quorum-reads.js',
        find: 'if (dots.length === 0)',
        replace: 'if (dots.every((dot) => covers(this.#options.vector(), dot)))',
      },
    ],
  },
  {
    name: 'loser-not-counted',
    title: 'a write that loses does not advance the vector',
    rule: 'ap.md §1.1',
    engine: 'lww',
    shows: ['convergence', 'liveness'],
    edits: [
      {
        file: 'src/kv/dotted/machine.js',
        find: '        this.#vector.set(origin, seq);\n        this.#boots.set(origin, boot);\n        this.#counter',
        replace:
          '        if (counter > this.#counter || seq === 1) this.#vector.set(origin, seq);\n        this.#boots.set(origin, boot);\n        this.#counter',
      },
    ],
  },
  {
    name: 'older-write-wins',
    title: 'the write that comes last wins, whatever its time',
    rule: 'ap.md §1.1',
    engine: 'lww',
    edits: [
      {
        file: 'src/kv/dotted/merge.js',
        find: 'const order = version.counter - before.counter || compareVersions(version, before);',
        replace: 'const order = 1;',
      },
    ],
  },
  {
    name: 'cut-beyond-checkpoint',
    title: 'logs are cut up to what is applied, not up to what the checkpoint holds',
    rule: 'ap.md §1.0.3',
    engine: 'lww',
    edits: [
      {
        file: 'src/replica/leaderless/checkpointer.js',
        find: 'for (const { origin, seq, boot } of cut.values())',
        replace: 'for (const { origin, seq, boot } of this.#options.positions().values())',
      },
    ],
  },
  {
    name: 'siblings-dropped',
    title: 'a write without a context replaces what is there',
    rule: 'ap.md §1.1.4',
    engine: 'causal',
    edits: [
      {
        file: 'src/kv/dotted/merge.js',
        find: 'const isBlindDelete = given === undefined && version.source === DELETED;',
        replace: 'const isBlindDelete = given === undefined;',
      },
    ],
  },
];
