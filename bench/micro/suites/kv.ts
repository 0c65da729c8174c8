import { latin1ToBytes } from '../../../native-like/bytes/index.js';
import { BatchBuilder, decodeBatch, KvStateMachine, type KvBase, type ValueRef } from '../../../src/kv/index.js';
import type { BenchCase, BenchSuite } from '../harness.js';
import { payloadOf } from './entries.js';

const VALUE_BYTES = 256;
const KEYS = 10_000;
/** Payloads that are applied in turn: together they write every key. */
const APPLY_COMMANDS = 16;

const EMPTY_BASE: KvBase = { get: () => undefined, has: () => false, range: () => [] };

function refOf(source: Uint8Array): ValueRef {
  return { source, start: 0, end: source.length };
}
const VALUE = refOf(payloadOf(VALUE_BYTES));
const keyOf = (at: number): ValueRef => refOf(latin1ToBytes(`key:${String(at).padStart(12, '0')}`));

function batchOf(builder: BatchBuilder, keys: readonly ValueRef[]): Uint8Array {
  for (const key of keys) builder.addPut(key, VALUE);
  return builder.take();
}

function codecCases(count: number): BenchCase[] {
  const keys = Array.from({ length: count }, (_, at) => keyOf(at));
  const builder = new BatchBuilder();
  const payload = batchOf(builder, keys);
  const work = { amount: count, unit: 'commands' } as const;
  const decoded = (): number => {
    const batch = decodeBatch(payload);
    return batch.ok ? batch.commands.length : 0;
  };
  return [
    {
      name: `encode a batch of ${count} puts of ${VALUE_BYTES} B`,
      run: () => batchOf(builder, keys).length,
      check: () => Buffer.compare(batchOf(builder, keys), payload) === 0 && decoded() === count,
      work,
    },
    {
      name: `decode a batch of ${count} puts of ${VALUE_BYTES} B to objects`,
      run: decoded,
      check: () => decoded() === count,
      work,
    },
  ];
}

function applyCase(): BenchCase {
  const builder = new BatchBuilder();
  const payloads = Array.from({ length: KEYS / APPLY_COMMANDS }, (_, batch) =>
    batchOf(
      builder,
      Array.from({ length: APPLY_COMMANDS }, (_, at) => keyOf(batch * APPLY_COMMANDS + at)),
    ),
  );
  const machine = KvStateMachine.open(EMPTY_BASE, null);
  let results = 0;
  const sink = { onPut: (): number => results++, onResult: (): number => (results += 1_000_000) };
  let next = 0;
  const apply = (): number => {
    machine.applyBatch(payloads[next] as Uint8Array, sink);
    next = (next + 1) % payloads.length;
    return results;
  };
  return {
    name: `apply a batch of ${APPLY_COMMANDS} puts of ${VALUE_BYTES} B, ${KEYS} keys`,
    run: apply,
    check: () => {
      for (let at = 0; at < payloads.length; at++) apply();
      return results === KEYS && machine.reader.size === KEYS;
    },
    work: { amount: APPLY_COMMANDS, unit: 'commands' },
  };
}

export const kvSuite: BenchSuite = {
  name: 'kv',
  create: () => ({ cases: [...[1, 16, 256].flatMap(codecCases), applyCase()] }),
};
