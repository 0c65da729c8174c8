import { unreachable } from '../../../src/base/assert.js';
import type { Command, CommandResult, Condition, Operation, OperationResult } from '../../../src/kv/index.js';
import { textOf } from './support.js';

/** The obviously right state machine: plain Maps and texts, copied whole for each command. */
export interface ModelItem {
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface PlainResult {
  readonly revision: number;
  readonly error: string | null;
  readonly duplicate: boolean;
  readonly operations: readonly {
    readonly status: string;
    readonly previous: ModelItem | null;
    readonly integer: string | null;
    readonly revision: number;
  }[];
}

type PlainOperation = PlainResult['operations'][number];

function text(value: Uint8Array): string {
  return textOf({ source: value, start: 0, end: value.length }) ?? '';
}

export function plainOperation({ status, previous, integer, revision }: OperationResult): PlainOperation {
  const item =
    previous === null
      ? null
      : {
          value: textOf(previous) ?? '',
          createRevision: previous.createRevision,
          modRevision: previous.modRevision,
          version: previous.version,
        };
  return { status, previous: item, integer: integer === null ? null : integer.toString(), revision };
}

export function plainResult(result: CommandResult): PlainResult {
  const { revision, error, duplicate, operations } = result;
  return { revision, error, duplicate, operations: operations.map(plainOperation) };
}

interface Kept {
  readonly seq: number;
  readonly request: string;
  readonly result: PlainResult;
}

export class Model {
  items = new Map<string, ModelItem>();
  revision = 0;
  /** In order of use. */
  readonly sessions = new Map<string, Kept>();
  readonly evicted: string[] = [];
  hasForgotten = false;
  readonly #sessionsMax: number;
  readonly #evictedMax: number;

  constructor(sessionsMax: number, evictedMax: number) {
    this.#sessionsMax = sessionsMax;
    this.#evictedMax = evictedMax;
  }

  apply(command: Command): PlainResult {
    const { session } = command;
    if (session === undefined) return this.#execute(command.operations);
    const { clientId, seq } = session;
    const request = JSON.stringify(command.operations, requestField);
    const kept = this.sessions.get(clientId);
    const refuse = (error: string): PlainResult => ({
      revision: this.revision,
      error,
      duplicate: false,
      operations: [],
    });
    if (kept === undefined && (this.evicted.includes(clientId) || (this.hasForgotten && seq > 1))) {
      return refuse('session_evicted');
    }
    if (kept !== undefined && seq < kept.seq) return refuse('stale_seq');
    if (kept !== undefined && seq === kept.seq && request !== kept.request) return refuse('session_conflict');
    const isDuplicate = kept !== undefined && seq === kept.seq;
    const result = isDuplicate ? kept.result : this.#execute(command.operations);
    this.sessions.delete(clientId);
    this.sessions.set(clientId, { seq, request, result });
    this.#evict();
    return { ...result, duplicate: isDuplicate };
  }

  #evict(): void {
    for (const clientId of [...this.sessions.keys()].slice(0, Math.max(0, this.sessions.size - this.#sessionsMax))) {
      this.sessions.delete(clientId);
      this.evicted.push(clientId);
    }
    while (this.evicted.length > this.#evictedMax) {
      this.evicted.shift();
      this.hasForgotten = true;
    }
  }

  #execute(operations: readonly Operation[]): PlainResult {
    const items = new Map(this.items);
    const revision = this.revision + 1;
    let isChanged = false;
    const results: PlainOperation[] = [];
    for (const operation of operations) {
      const before = items.get(operation.key) ?? null;
      const { status, value, integer } = evaluate(operation, before);
      if (!['created', 'replaced', 'deleted', 'absent'].includes(status)) {
        const failed = operations.map((_, at) => ({
          status: at === results.length ? status : 'skipped',
          previous: at === results.length && status === 'unmet' ? before : null,
          integer: null,
          revision: 0,
        }));
        return { revision: this.revision, error: null, duplicate: false, operations: failed };
      }
      if (status === 'deleted') items.delete(operation.key);
      if (value !== undefined) {
        const createRevision = before?.createRevision ?? revision;
        items.set(operation.key, { value, createRevision, modRevision: revision, version: (before?.version ?? 0) + 1 });
      }
      if (status !== 'absent') isChanged = true;
      const wantsPrevious = 'returnPrevious' in operation && operation.returnPrevious;
      results.push({
        status,
        previous: wantsPrevious ? before : null,
        integer: integer ?? null,
        revision: status === 'absent' ? 0 : revision,
      });
    }
    this.items = items;
    if (isChanged) this.revision = revision;
    return { revision: this.revision, error: null, duplicate: false, operations: results };
  }

  scan(start: string, end: string | null): [string, ModelItem][] {
    return [...this.items]
      .filter(([key]) => key >= start && (end === null || key < end))
      .sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

/** The bound of an append is not part of what a client asked for. */
function requestField(name: string, value: unknown): unknown {
  if (name === 'maxBytes') return undefined;
  if (value instanceof Uint8Array) return text(value);
  return typeof value === 'bigint' ? value.toString() : value;
}

function isMet(condition: Condition | undefined, before: ModelItem | null): boolean {
  switch (condition?.kind) {
    case undefined:
      return true;
    case 'absent':
      return before === null;
    case 'present':
      return before !== null;
    case 'revision':
      return before?.modRevision === condition.revision;
    case 'value':
      return before?.value === text(condition.value);
    default:
      return unreachable(condition);
  }
}

interface Evaluated {
  readonly status: string;
  readonly value?: string;
  readonly integer?: string;
}

function evaluate(operation: Operation, before: ModelItem | null): Evaluated {
  const written = before === null ? 'created' : 'replaced';
  switch (operation.op) {
    case 'put':
      return isMet(operation.condition, before)
        ? { status: written, value: text(operation.value) }
        : { status: 'unmet' };
    case 'delete':
      if (!isMet(operation.condition, before)) return { status: 'unmet' };
      return { status: before === null ? 'absent' : 'deleted' };
    case 'increment': {
      const held = before?.value ?? '0';
      if (!/^(?:0|-?[1-9][0-9]*)$/.test(held) || BigInt.asIntN(64, BigInt(held)) !== BigInt(held)) {
        return { status: 'not_an_integer' };
      }
      const sum = BigInt(held) + operation.delta;
      if (BigInt.asIntN(64, sum) !== sum) return { status: 'integer_overflow' };
      return { status: written, value: sum.toString(), integer: sum.toString() };
    }
    case 'append': {
      const value = (before?.value ?? '') + text(operation.value);
      if (value.length > operation.maxBytes) return { status: 'value_would_be_too_large' };
      return { status: written, value, integer: value.length.toString() };
    }
    default:
      return unreachable(operation);
  }
}
