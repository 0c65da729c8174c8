import { latin1ToBytes } from '../../../native-like/bytes/index.js';
import type { OriginId } from '../../../src/base/brand.js';
import { DottedKv, type AppliedBatch, type DottedOptions } from '../../../src/kv/dotted/index.js';
import { BatchBuilder, type KvBase, type ValueRef } from '../../../src/kv/index.js';
import type { BenchCase, BenchSuite } from '../harness.js';
import { payloadOf } from './entries.js';

/** The same keys, values and batches as the suite `kv` has for Raft's state machine: the two compare. */
const VALUE_BYTES = 256;
const KEYS = 10_000;
const APPLY_COMMANDS = 16;

const EMPTY_BASE: KvBase = { get: () => undefined, has: () => false, range: () => [] };

function refOf(source: Uint8Array): ValueRef {
  return { source, start: 0, end: source.length };
}
const VALUE = refOf(payloadOf(VALUE_BYTES));
const keyOf = (at: number): ValueRef => refOf(latin1ToBytes(`key:${String(at).padStart(12, '0')}`));

function payloads(): Uint8Array[] {
  const builder = new BatchBuilder();
  return Array.from({ length: KEYS / APPLY_COMMANDS }, (_, batch) => {
    for (let at = 0; at < APPLY_COMMANDS; at++) builder.addPut(keyOf(batch * APPLY_COMMANDS + at), VALUE);
    return builder.take();
  });
}

/** Batches of `writers` origins in turn: with more than one, every put replaces another origin's value. */
function applyCase(name: string, options: DottedOptions, writers: number): BenchCase {
  const all = payloads();
  const machine = DottedKv.open(EMPTY_BASE, null, options);
  const origins = Array.from({ length: writers }, (_, at) => `n${at + 1}~0123456789abcdef` as OriginId);
  const positions = origins.map(() => 0);
  let results = 0;
  const sink = { onPut: (): number => results++, onResult: (): number => (results += 1_000_000) };
  let next = 0;
  let round = 0;
  let counter = 1;
  const apply = (): number => {
    const writer = round % writers;
    positions[writer] = (positions[writer] as number) + 1;
    const batch: AppliedBatch = {
      origin: origins[writer] as OriginId,
      seq: positions[writer],
      boot: 1,
      counter,
      commands: APPLY_COMMANDS,
      wallMs: 1_700_000_000_000,
      // Each one has seen all that the others wrote, so that nothing is a conflict.
      dependencies: origins.flatMap((origin, at) => (at === writer ? [] : [{ origin, seq: positions[at] as number }])),
      payload: all[next] as Uint8Array,
    };
    machine.apply(batch, sink);
    counter += APPLY_COMMANDS;
    next = (next + 1) % all.length;
    if (next === 0) round++;
    return results;
  };
  return {
    name: `apply a batch of ${APPLY_COMMANDS} puts of ${VALUE_BYTES} B, ${KEYS} keys, ${name}`,
    run: apply,
    check: () => {
      for (let at = 0; at < all.length; at++) apply();
      return results === KEYS && machine.reader.size === KEYS && machine.overwritten(1).total === 0;
    },
    work: { amount: APPLY_COMMANDS, unit: 'commands' },
  };
}

const LWW: DottedOptions = { conflicts: 'lww', conflictLog: 1000 };

export const dottedSuite: BenchSuite = {
  name: 'dotted',
  create: () => ({
    cases: [applyCase('one origin', LWW, 1), applyCase('three origins', LWW, 3)],
  }),
};
