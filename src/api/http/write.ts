import type { Revision } from '../../base/brand.js';
import { assertDefined } from '../../base/assert.js';
import type { Dot } from '../../base/dot.js';
import { KvorumError, toKvorumError } from '../../base/errors/error.js';
import type { Command, CommandResult, Operation, OperationResult } from '../../kv/types.js';
import type { Keyspace, WriteOptions, WriteWaiter } from '../../replica/router.js';
import { writeLevel } from './consistency.js';
import type { Exchange } from './exchange.js';
import { failOrPassOn, passedToLeader } from './pass-on.js';
import { requestOptions, seenRevision } from './session.js';

/** Answers a write whose result is known; `headers` are those that every answer to a write carries. */
export type AnswerWrite = (result: CommandResult, headers: readonly string[]) => void;

type Session = NonNullable<Command['session']>;

/** Sends a command to the keyspace, or the client to its leader. Errors of sessions are answered here. */
export function submit(
  exchange: Exchange,
  keyspace: Keyspace,
  operations: readonly Operation[],
  session: Session | null,
  answer: AnswerWrite,
  options: WriteOptions | undefined = writeOptions(exchange, keyspace),
): void {
  if (passedToLeader(exchange, keyspace, 'write')) return;
  const command: Command = session === null ? { operations } : { operations, session };
  keyspace.submit(command, new Writing(exchange, keyspace, answer), 0, options);
}

/** What a write asks of its keyspace beside the change; undefined when nothing. */
export function writeOptions(
  exchange: Exchange,
  keyspace: Keyspace,
  more?: Pick<WriteOptions, 'context' | 'expiresAtMs'>,
): WriteOptions | undefined {
  const options = requestOptions(exchange, keyspace);
  const level = writeLevel(exchange, keyspace);
  if (options === undefined && level === undefined && more === undefined) return undefined;
  return { ...options, ...(level === undefined ? {} : { level }), ...more };
}

/** The result of a command of one operation. */
export function onlyOperation(result: CommandResult): OperationResult {
  return assertDefined(result.operations[0], 'a command has a result for each of its operations');
}

export function revisionHeader(revision: Revision): readonly string[] {
  return ['x-kvorum-revision', String(revision)];
}

/** Whoever has the answer to a write has seen it. */
export function observeWrite(exchange: Exchange, keyspace: Keyspace, revision: Revision, dot: Dot | undefined): void {
  if (keyspace.leaderless === null) exchange.session?.observe(keyspace.name, seenRevision(keyspace, revision));
  else if (dot !== undefined) exchange.session?.observe(keyspace.name, { dots: [dot], counter: revision });
}

class Writing implements WriteWaiter {
  readonly #exchange: Exchange;
  readonly #keyspace: Keyspace;
  readonly #answer: AnswerWrite;

  constructor(exchange: Exchange, keyspace: Keyspace, answer: AnswerWrite) {
    this.#exchange = exchange;
    this.#keyspace = keyspace;
    this.#answer = answer;
  }

  /** A keyspace may treat a command of one plain put like `put`. */
  onPut(token: number, created: boolean, revision: Revision, dot?: Dot): void {
    const status = created ? 'created' : 'replaced';
    const operations = [{ status, previous: null, integer: null, revision } as const];
    const result = { revision, operations, error: null, duplicate: false } as const;
    this.onResult(token, dot === undefined ? result : { ...result, dot });
  }

  onResult(_token: number, result: CommandResult): void {
    const duplicate = result.duplicate ? ['x-kvorum-duplicate', 'true'] : [];
    const headers = [...revisionHeader(result.revision), ...duplicate];
    try {
      observeWrite(this.#exchange, this.#keyspace, result.revision, result.dot);
      if (result.error !== null) throw new KvorumError(result.error);
      this.#answer(result, headers);
    } catch (error) {
      this.#exchange.fail(toKvorumError(error), headers); // A condition that did not hold is a result, too.
    }
  }

  onError(_token: number, error: KvorumError): void {
    this.#exchange.run(() => failOrPassOn(this.#exchange, this.#keyspace, 'write', error));
  }
}
