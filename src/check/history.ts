import { KvorumError } from '../base/errors/error.js';
import type { Operation, OperationKind, Outcome, Value, Version } from './operation.js';
import { printable } from './quote.js';

/** More operations than any run records: what the memory of one process holds. */
const OPERATIONS_MAX = 10_000_000;
/** Characters of a piece of input that an error repeats. */
const SHOWN_CHARS_MAX = 60;
const KINDS: readonly OperationKind[] = ['put', 'get', 'append', 'delete', 'cas'];

/**
 * Reads histories of one JSON object a line (docs/cli.md). Times are kept as doubles: nanoseconds since 1970 are rounded
 * to 256 of them. Rounding never swaps two times; it may make them equal, and equal times overlap, so that a history that
 * is linearizable stays so.
 */
export class HistoryReader {
  readonly #name: string;
  readonly #kinds: readonly OperationKind[];
  readonly #readsVersions: boolean;
  readonly #operations: Operation[] = [];
  #line = 0;

  /**
   * `name` is what errors call the input; `kinds` are the operations that are allowed. Only with `readsVersions` are
   * `session` and `version` read: models that have no use for them pass over what others mean by these names.
   */
  constructor(name: string, kinds: readonly OperationKind[] = KINDS, readsVersions = false) {
    this.#name = name;
    this.#kinds = kinds;
    this.#readsVersions = readsVersions;
  }

  /** Takes the next line, without its line end. Empty lines are passed over. Throws `history_invalid`. */
  line(text: string): void {
    this.#line++;
    if (text.trim() === '') return;
    if (this.#operations.length === OPERATIONS_MAX) this.#fail(`more than ${OPERATIONS_MAX} operations`);
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (cause) {
      this.#fail(`${shown(text)} is not JSON (${cause instanceof Error ? cause.message : String(cause)})`);
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      this.#fail(`${shown(text)} is not an object; a line is one like {"client":1,"op":"get","key":"x",…}`);
    }
    this.#operations.push(this.#operation(parsed as Record<string, unknown>));
  }

  /** The operations, after a check that every client did one thing at a time. */
  end(): Operation[] {
    const overlap = findOverlap(this.#operations);
    if (overlap !== null) {
      const { after, before } = overlap;
      this.#line = after.line ?? 0;
      this.#fail(
        `client ${JSON.stringify(after.client)} calls at ${after.call}, before its operation of line ${before.line} ` +
          `returned at ${before.return}; a client does one thing at a time, concurrent ones need names of their own`,
      );
    }
    return this.#operations;
  }

  #operation(record: Record<string, unknown>): Operation {
    const kinds = this.#kinds;
    const isKind = (value: unknown): value is OperationKind => kinds.includes(value as OperationKind);
    const kind = this.#member(record, 'op', isKind, kinds.join(', '));
    const client = this.#member(record, 'client', isClient, 'a string or a number');
    const key = this.#member(record, 'key', isString, 'a string');
    const call = this.#member(record, 'call', isNumber, 'a number');
    const end = this.#member(record, 'return', isNumberOrNull, 'a number, or null when it never returned');
    const ok = this.#member(record, 'ok', isBooleanOrNull, 'true, false, or null when the outcome is unknown');
    if (end !== null && end < call) this.#fail(`"return" ${end} lies before "call" ${call}`);
    const outcome = this.#outcome(record, kind, ok, end);
    return {
      client,
      kind,
      key,
      value: this.#value(record, kind, outcome),
      ...(kind === 'cas' ? { expected: this.#member(record, 'expected', isValue, 'a string or null') } : {}),
      ...(kind === 'delete' ? this.#optional(record, 'existed', isBoolean, 'true, false or null') : {}),
      ...(this.#readsVersions ? this.#sessionAndVersion(record, kind === 'get' && outcome !== 'ok') : {}),
      call,
      return: end,
      outcome,
      line: this.#line,
    };
  }

  #outcome(record: Record<string, unknown>, kind: OperationKind, ok: boolean | null, end: number | null): Outcome {
    const refused = record['refused'] ?? false;
    if (typeof refused !== 'boolean') this.#refuse('refused', refused, 'true or false');
    if (refused && ok !== false) this.#fail('"refused": true needs "ok": false');
    if (ok === false) return kind === 'cas' && !refused ? 'mismatch' : 'failed';
    return ok === null || end === null ? 'unknown' : 'ok';
  }

  #value(record: Record<string, unknown>, kind: OperationKind, outcome: Outcome): Value {
    if (kind === 'delete') return null;
    if (kind === 'get' && outcome !== 'ok') return null; // A read without an answer says nothing, whatever stands here.
    if (kind === 'get' || kind === 'cas') {
      return this.#member(record, 'value', isValue, 'a string, or null for an absent key');
    }
    return this.#member(record, 'value', isString, 'a string');
  }

  #sessionAndVersion(record: Record<string, unknown>, isUnanswered: boolean): Pick<Operation, 'session' | 'version'> {
    return {
      ...this.#optional(record, 'session', isClient, 'a string or a number'),
      ...(isUnanswered ? {} : this.#optional(record, 'version', isVersion, 'a counter and a replica, like [7,"n1"]')),
    };
  }

  #optional<N extends string, T>(
    record: Record<string, unknown>,
    name: N,
    isAllowed: (value: unknown) => value is T,
    allowed: string,
  ): { readonly [name in N]?: T } {
    const value = Object.hasOwn(record, name) ? (record[name] ?? undefined) : undefined;
    if (value === undefined) return {};
    if (!isAllowed(value)) this.#refuse(name, value, allowed);
    return { [name]: value } as { readonly [name in N]?: T };
  }

  #member<T>(
    record: Record<string, unknown>,
    name: string,
    isAllowed: (value: unknown) => value is T,
    allowed: string,
  ): T {
    const value = Object.hasOwn(record, name) ? record[name] : undefined;
    if (value === undefined) this.#fail(`"${name}" is missing; it is ${allowed}`);
    if (!isAllowed(value)) this.#refuse(name, value, allowed);
    return value;
  }

  #refuse(name: string, value: unknown, allowed: string): never {
    this.#fail(`"${name}" is ${shown(JSON.stringify(value))}; allowed: ${allowed}`);
  }

  #fail(message: string): never {
    throw new KvorumError('history_invalid', printable(`${this.#name}:${this.#line}: ${message}`), {
      extra: { line: this.#line },
    });
  }
}

/** All of a history that is in memory. */
export function parseHistory(text: string, name = 'history', readsVersions = false): Operation[] {
  const reader = new HistoryReader(name, KINDS, readsVersions);
  for (const line of text.split('\n')) reader.line(line);
  return reader.end();
}

/** The same format, so that what was recorded can be kept and checked again. Pending operations have no return. */
export function formatOperation(operation: Operation): string {
  const { call, client, existed, expected, key, kind, outcome, return: end, session, value, version } = operation;
  return JSON.stringify({
    client,
    ...(session === undefined ? {} : { session }),
    op: kind,
    key,
    value,
    ...(kind === 'cas' ? { expected: expected ?? null } : {}),
    ...(existed === undefined ? {} : { existed }),
    ...(version === undefined ? {} : { version }),
    call,
    return: end,
    ok: outcome === 'unknown' ? null : outcome === 'ok',
    ...(kind === 'cas' && outcome === 'failed' ? { refused: true } : {}),
  });
}

interface Overlap {
  readonly before: Operation;
  readonly after: Operation;
}

/**
 * Two operations of one client at the same time, or null. A client that stopped waiting for an answer may go on: what it
 * did not hear of is left open to the end of the history, not to its next call.
 */
export function findOverlap(operations: readonly Operation[]): Overlap | null {
  const busy = new Map<string | number, Operation>();
  for (const after of inOrderOfCall(operations)) {
    const before = busy.get(after.client);
    if (before !== undefined && before.return !== null && after.call < before.return) return { before, after };
    busy.set(after.client, after);
  }
  return null;
}

function inOrderOfCall(operations: readonly Operation[]): readonly Operation[] {
  const isSorted = operations.every((each, at) => at === 0 || (operations[at - 1]?.call ?? 0) <= each.call);
  return isSorted ? operations : operations.toSorted((a, b) => a.call - b.call || (a.return ?? 0) - (b.return ?? 0));
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isVersion(value: unknown): value is Version {
  return Array.isArray(value) && value.length === 2 && isNumber(value[0]) && isClient(value[1]);
}

function isBooleanOrNull(value: unknown): value is boolean | null {
  return value === null || isBoolean(value);
}

function isClient(value: unknown): value is string | number {
  return isString(value) || isNumber(value);
}

function isValue(value: unknown): value is Value {
  return value === null || isString(value);
}

function shown(text: string): string {
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}…`;
}
