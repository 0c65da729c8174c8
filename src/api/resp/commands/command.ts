import type { CommandResult, KvReader, Operation } from '../../../kv/types.js';
import type { Client } from '../client.js';
import type { Refusal } from '../replies.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';

export type CommandFlag = 'write' | 'readonly' | 'denyoom' | 'fast' | 'loading' | 'stale' | 'noscript' | 'admin';

/** What COMMAND tells about a command. */
export interface CommandFacts {
  readonly name: string;
  /** As in Redis: the name counts; negative means "at least". */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** First and last key and the step between keys; 0 when it takes none, -1 when keys go to the end. */
  readonly keys: readonly [first: number, last: number, step: number];
  readonly group: 'string' | 'generic' | 'connection' | 'server' | 'cluster';
  readonly since: string;
  readonly summary: string;
}

/** Touches no keyspace. A `barrier` runs when every earlier command of its connection was answered. */
export interface LocalCommand extends CommandFacts {
  readonly kind: 'local' | 'barrier';
  run(client: Client, request: Request, out: ReplyWriter): void;
}

/**
 * Reads the keyspace. The read is done in `look`; `answer` may write it later, when the client has room: what `look`
 * returns may hold items, never the reader.
 */
export interface ReadCommand<State, Found> extends CommandFacts {
  readonly kind: 'read';
  prepare(request: Request, client: Client): State | Refusal;
  look(reader: KvReader, state: State): Found;
  answer(out: ReplyWriter, found: Found): void;
}

export interface WriteLimits {
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export interface WritePlan {
  /** One atomic command. Empty: nothing can change, `answer` gets a result without operations. */
  readonly operations: readonly Operation[];
  /** The option that sets an expiry, for example `EX`: what has a leader refuses it. */
  readonly expiry?: string;
  /** What it reads before it writes, beside what the operations tell: what has no leader refuses it. */
  readonly reads?: string;
  answer(out: ReplyWriter, result: CommandResult): void;
}

export interface WriteCommand extends CommandFacts {
  readonly kind: 'write';
  plan(request: Request, limits: WriteLimits): WritePlan | Refusal;
}

/** Looks again and again until something has come about; the commands behind it wait for its answer. */
export interface Waiting {
  readonly timeoutMs: number;
  /** What to answer; null: not yet, which is no answer the `last` time. */
  poll(last: boolean): ((out: ReplyWriter) => void) | null;
}

export interface WaitCommand extends CommandFacts {
  readonly kind: 'wait';
  prepare(request: Request, client: Client): Waiting | Refusal;
}

/** A read command whose inner types nobody outside of it needs to know. */
export type AnyReadCommand = ReadCommand<unknown, unknown>;
export type RespCommand = LocalCommand | AnyReadCommand | WriteCommand | WaitCommand;

/** Forgets the inner types: the dispatcher hands `State` and `Found` back to the command they came from. */
export function readCommand<State, Found>(command: ReadCommand<State, Found>): AnyReadCommand {
  return command;
}
