import type { Mutant } from '../mutant.js';

/** What goes wrong with the logs of origins: who may write to them, what their batches wait for, and where they are kept. */
export const ORIGIN_MUTANTS: readonly Mutant[] = [
  {
    name: 'shared-pool',
    title: 'all origins share one buffer: those that wait keep out what they wait for',
    rule: 'ap.md §1.2.3',
    engine: 'causal',
    test: 'test/unit/engines/leaderless/delivery.test.ts',
    edits: [
      {
        file: 'src/engines/leaderless/delivery.js',
        find: 'state.counters.overflows += buffer.add(batch);',
        replace:
          'let pooled = 0;\n' +
          '    for (const each of state.origins.values()) pooled += each.buffer.count;\n' +
          '    if (pooled >= state.options.limits.bufferedBatches) return void state.counters.overflows++;\n' +
          '    state.counters.overflows += buffer.add(batch);',
      },
    ],
  },
  {
    name: 'full-sync-without-dots',
    title: 'a full sync takes all that is absent here, also what was here and was deleted',
    rule: 'ap.md §1.0.5',
    engine: 'lww',
    test: 'test/unit/kv/dotted/lww.test.ts',
    edits: [
      {
        file: 'src/kv/dotted/shadow.js',
        find: '        if (covers(vector, version.write))\n            return false;\n',
        replace: '        if (covers(new Map(), version.write))\n            return false;\n',
      },
    ],
  },
  {
    name: 'retired-early',
    title: 'an origin that nobody writes as any more is retired although members lack some of it',
    rule: 'ap.md §1.0.1',
    engine: 'causal',
    test: 'test/unit/engines/leaderless/stability.test.ts',
    edits: [
      {
        file: 'src/engines/leaderless/stability.js',
        find: 'if (!everywhere)',
        replace: 'if (!everywhere && [...state.peers.values()].some(({ row }) => row === null))',
      },
    ],
  },
  {
    name: 'new-incarnation-writes-at-once',
    title: 'a new incarnation writes before it has met anybody, at counters that are past already',
    rule: 'ap.md §1.0.1',
    engine: 'lww',
    test: 'test/unit/engines/leaderless/stability.test.ts',
    edits: [
      {
        file: 'src/engines/leaderless/start.js',
        find: '(state.start.fresh ? told : heardOut(state, false))',
        replace: '(state.start.fresh ? true : heardOut(state, false))',
      },
    ],
  },
  {
    name: 'dependencies-against-wrong-base',
    title: 'a write names what has come since the last one was logged, and not what was not applied then',
    rule: 'ap.md §1.2.1',
    engine: 'causal',
    edits: [
      {
        file: 'src/engines/leaderless/writes.js',
        find: 'raise(state.stated, dot.origin, dot.seq);',
        replace: 'raise(state.stated, dot.origin, state.origins.get(dot.origin)?.log.accepted ?? dot.seq);',
      },
    ],
  },
  {
    name: 'answered-before-durable',
    title: 'a write is applied and answered while it is on its way to the disk',
    rule: 'reliability.md §0.3',
    engine: 'lww',
    edits: [
      {
        file: 'src/replica/leaderless/member.js',
        find: 'this.writes.onWritten(effects.written);',
        replace:
          'this.writes.onWritten(effects.written);\n' +
          '        for (const batch of effects.persist?.batches ?? []) if (batch.origin === this.#core.origin) this.#apply(batch);',
      },
    ],
  },
  {
    name: 'replayed-twice',
    title: 'a start applies again what the checkpoint holds',
    rule: 'ap.md §1.0.3',
    engine: 'lww',
    faults: ['crash', 'checkpoint'],
    edits: [
      {
        file: 'src/engines/leaderless/recovery.js',
        find: 'return batches.slice(applied - baseSeq);',
        replace: 'return batches;',
      },
      {
        file: 'src/replica/leaderless/member.js',
        find: '        if (covers(this.#kv.vector, batch))\n            return;\n',
        replace: '',
      },
    ],
  },
];
