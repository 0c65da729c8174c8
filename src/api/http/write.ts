import type { Revision } from '../../base/brand.js';
import { assertDefined } from '../../base/assert.js';
import { KvorumError, toKvorumError } from '../../base/errors/error.js';
import type { Command, CommandResult, Operation, OperationResult } from '../../kv/types.js';
import type { Keyspace, WriteWaiter } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { redirectedToLeader } from './leader.js';

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
): void {
  if (redirectedToLeader(exchange, keyspace)) return;
  const command: Command = session === null ? { operations } : { operations, session };
  keyspace.submit(command, new Writing(exchange, answer), 0);
}

/** The result of a command of one operation. */
export function onlyOperation(result: CommandResult): OperationResult {
  return assertDefined(result.operations[0], 'a command has a result for each of its operations');
}

export function revisionHeader(revision: Revision): readonly string[] {
  return ['x-kvorum-revision', String(revision)];
}

class Writing implements WriteWaiter {
  readonly #exchange: Exchange;
  readonly #answer: AnswerWrite;

  constructor(exchange: Exchange, answer: AnswerWrite) {
    this.#exchange = exchange;
    this.#answer = answer;
  }

  /** A keyspace may treat a command of one plain put like `put`. */
  onPut(token: number, created: boolean, revision: Revision): void {
    const status = created ? 'created' : 'replaced';
    const operations = [{ status, previous: null, integer: null, revision } as const];
    this.onResult(token, { revision, operations, error: null, duplicate: false });
  }

  onResult(_token: number, result: CommandResult): void {
    const duplicate = result.duplicate ? ['x-kvorum-duplicate', 'true'] : [];
    const headers = [...revisionHeader(result.revision), ...duplicate];
    try {
      if (result.error !== null) throw new KvorumError(result.error);
      this.#answer(result, headers);
    } catch (error) {
      this.#exchange.fail(toKvorumError(error), headers); // A condition that did not hold is a result, too.
    }
  }

  onError(_token: number, error: KvorumError): void {
    this.#exchange.run(() => this.#exchange.fail(error));
  }
}
