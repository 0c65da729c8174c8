import t from 'tap';
import { originId, replicaId } from '../../../../src/base/brand.js';
import { encodeBatch } from '../../../../src/engines/leaderless/batch-codec.js';
import type { GossipDelta } from '../../../../src/engines/leaderless/messages.js';
import { BatchBuilder } from '../../../../src/kv/index.js';
import type { Command } from '../../../../src/kv/types.js';
import { withoutHarmful } from '../../../../src/replica/leaderless/received.js';

const A = originId('n1~0123456789abcdef');

function deltaOf(payloads: readonly Uint8Array[], commands = 1): GossipDelta {
  const batches = payloads.map((payload, at) => {
    const header = { origin: A, seq: at + 1, boot: 1, counter: at + 1, commands, dependencies: [], wallMs: 0 };
    return { origin: A, seq: at + 1, boot: 1, encoded: encodeBatch(header, payload).encoded };
  });
  return { type: 'gossipDelta', from: replicaId('n1'), to: replicaId('n2'), batches, more: false };
}

function payloadOf(command: Command): Uint8Array {
  const builder = new BatchBuilder();
  builder.addCommand(command);
  return builder.take();
}

const PUT = payloadOf({ operations: [{ op: 'put', key: 'k', value: new Uint8Array([1]) }] });

t.test(
  'batches that would stop every member when applied never reach a log (ap.md §1.0.11: hostile peers)',
  async (t) => {
    const harmful = [
      payloadOf({ operations: [{ op: 'increment', key: 'k', delta: 1n }] }),
      payloadOf({ operations: [{ op: 'put', key: 'k', value: new Uint8Array(1), condition: { kind: 'absent' } }] }),
      new Uint8Array([1, 2, 3]),
      new Uint8Array(0),
    ];
    for (const payload of harmful) {
      const refused: number[] = [];
      const rest = withoutHarmful(deltaOf([PUT, payload, PUT]), ({ seq }) => refused.push(seq));
      t.same(refused, [2]);
      t.same(
        rest.batches.map(({ seq }) => seq),
        [1, 3],
        'the engine sees a gap, and does not skip it',
      );
    }
    const many: number[] = [];
    withoutHarmful(deltaOf([PUT], 2), ({ seq }) => many.push(seq));
    t.same(many, [1], 'nor with another number of commands than it says: counters would be used twice');
  },
);

t.test(
  'what is whole passes untouched; bytes that are no batch are left to the engine, which counts them',
  async (t) => {
    const delta = deltaOf([PUT, PUT]);
    t.equal(
      withoutHarmful(delta, () => t.fail('refused')),
      delta,
    );
    const broken = { ...delta, batches: [{ origin: A, seq: 1, boot: 1, encoded: new Uint8Array([9]) }] };
    t.equal(
      withoutHarmful(broken, () => t.fail('refused')),
      broken,
    );
  },
);
