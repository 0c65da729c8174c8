import { latin1Slice, latin1ToBytes } from '../../../native-like/bytes/index.js';
import { BatchBuilder, KvStateMachine, type KvBase, type KvChange } from '../../../src/kv/index.js';
import type { Command, CommandResult, Operation, OperationResult, ValueRef } from '../../../src/kv/index.js';

/** A checkpoint in memory: sorts when asked, so that it is obviously right. */
export class MapBase implements KvBase {
  readonly records = new Map<string, Uint8Array>();
  /** Ranges that were begun and neither walked to their end nor closed. */
  openRanges = 0;

  get(key: string): Uint8Array | undefined {
    return this.records.get(key);
  }

  has(key: string): boolean {
    return this.records.has(key);
  }

  *range(start: string, end: string | null): Iterable<readonly [string, Uint8Array]> {
    this.openRanges++;
    try {
      for (const key of [...this.records.keys()].sort()) {
        if (key >= start && (end === null || key < end)) yield [key, this.records.get(key) as Uint8Array];
      }
    } finally {
      this.openRanges--;
    }
  }

  write(changes: Iterable<KvChange>): void {
    for (const [key, value] of changes) {
      if (value === null) this.records.delete(key);
      else this.records.set(key, Uint8Array.from(value));
    }
  }
}

export function bytes(text: string): Uint8Array {
  return latin1ToBytes(text);
}

export function textOf(ref: ValueRef | null | undefined): string | null {
  return ref === null || ref === undefined ? null : latin1Slice(ref.source, ref.start, ref.end);
}

export function ref(text: string): ValueRef {
  const source = bytes(text);
  return { source, start: 0, end: source.length };
}

export function batchOf(...commands: readonly Command[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const command of commands) builder.addCommand(command);
  return builder.take();
}

export type Told = CommandResult | { readonly created: boolean; readonly revision: number };

/** Applies a batch and returns what its sink was told, by position. */
export function applyAll(machine: KvStateMachine, payload: Uint8Array): Told[] {
  const told: Told[] = [];
  const tell = (position: number, result: Told): void => {
    if (position !== told.length) throw new Error('results come in order, one per command');
    told.push(result);
  };
  machine.applyBatch(payload, {
    onPut: (position, created, revision) => tell(position, { created, revision }),
    onResult: tell,
  });
  return told;
}

/** Applies one command; a plain put's result is told as any other's. */
export function run(machine: KvStateMachine, command: Command): CommandResult {
  const [result] = applyAll(machine, batchOf(command));
  if (result === undefined) throw new Error('a command has a result');
  if ('operations' in result) return result;
  const revision = machine.reader.revision;
  const operation: OperationResult = {
    status: result.created ? 'created' : 'replaced',
    previous: null,
    integer: null,
    revision,
  };
  return { revision, operations: [operation], error: null, duplicate: false };
}

/** Applies one operation as a command of its own. */
export function one(machine: KvStateMachine, operation: Operation): OperationResult {
  const [result] = run(machine, { operations: [operation] }).operations;
  if (result === undefined) throw new Error('an operation has a result');
  return result;
}

export function put(key: string, value: string): Operation {
  return { op: 'put', key, value: bytes(value) };
}

export function fresh(): KvStateMachine {
  return KvStateMachine.open(new MapBase(), null);
}
