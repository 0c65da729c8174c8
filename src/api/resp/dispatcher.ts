import { unreachable } from '../../base/assert.js';
import { toKvorumError } from '../../base/errors/error.js';
import { systemScheduler } from '../../base/scheduler.js';
import type { CommandResult } from '../../kv/types.js';
import { revision } from '../../base/brand.js';
import type { Keyspace, WriteOptions } from '../../replica/router.js';
import { checkKey, checkValue } from './checks.js';
import type { AnyReadCommand, LocalCommand, RespCommand, WaitCommand, WriteCommand } from './commands/command.js';
import { COMMANDS } from './commands/registry.js';
import { engineRefusal, neededOrder, readLeaderless } from './leaderless.js';
import { readAs, writeRefusal } from './semisync.js';
import { SET } from './commands/set.js';
import { GET } from './commands/strings.js';
import { arityMatches, cString } from './commands/subcommands.js';
import type { Connection } from './connection.js';
import { Refusal, wrongArity } from './replies.js';
import type { Request } from './request.js';

/** The answer to a command that has nothing to change. */
const NOTHING_DONE: CommandResult = { revision: revision(0), operations: [], error: null, duplicate: false };

/** Between two looks at what a connection waits for. */
const WAIT_POLL_MS = 5;

/** A value that is set takes the place of all that are there: Redis knows no contexts. */
const REPLACES_ALL: WriteOptions = { replacesAll: true };

const NO_BYTES = new Uint8Array(0);

/** Where a key or value is, for Keyspace.put; reused for every request. */
interface MutableRef {
  source: Uint8Array;
  start: number;
  end: number;
}

/**
 * Sends requests of one connection to where they are answered. Program order: a read sees the connection's earlier
 * writes, a write is not seen by its earlier reads. The keyspace orders writes among themselves only, so a connection
 * has either reads or writes outstanding; when the kind changes, the next request waits for all answers.
 */
export class Dispatcher {
  readonly #connection: Connection;
  readonly #key: MutableRef = { source: NO_BYTES, start: 0, end: 0 };
  readonly #value: MutableRef = { source: NO_BYTES, start: 0, end: 0 };
  /** The kind of what is outstanding. */
  #outstanding: 'read' | 'write' | 'wait' = 'read';

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Runs the connection's scanned request. False: not now, offer it again after the next answer or flush. */
  dispatch(nowMs: number): boolean {
    const connection = this.#connection;
    const { request, replies, server } = connection;
    if (replies.blocked || replies.slots.size >= server.limits.outstandingCommands) return false;
    const command = findCommand(request);
    if (command === undefined) {
      const refusal = neededOrder(connection) ?? unknownCommand(request);
      server.router.countRefused('resp', refusal.code);
      this.#local(null, nowMs, refusal);
    } else if (!arityMatches(command.arity, request.count)) {
      this.#refuse(command, wrongArity(command.name), nowMs);
    } else if (!this.#run(command, nowMs)) {
      return false;
    }
    server.stats.commandsProcessed++;
    if (command !== undefined) connection.lastCommand = command.name;
    return true;
  }

  #run(command: RespCommand, nowMs: number): boolean {
    const { replies } = this.#connection;
    switch (command.kind) {
      case 'read':
      case 'write':
        if (replies.pending > 0 && this.#outstanding !== command.kind) return false;
        this.#outstanding = command.kind;
        if (command === SET && this.#connection.request.count === 3) this.#put(nowMs);
        else if (command.kind === 'read') this.#read(command, nowMs);
        else this.#write(command, nowMs);
        return true;
      case 'barrier':
        if (replies.slots.size > 0) return false;
        this.#runLocal(command, nowMs);
        return true;
      case 'local':
        this.#runLocal(command, nowMs);
        return true;
      case 'wait':
        if (replies.slots.size > 0) return false;
        this.#wait(command, nowMs);
        return true;
      default:
        return unreachable(command);
    }
  }

  #runLocal(command: LocalCommand, nowMs: number): void {
    const connection = this.#connection;
    connection.replies.local(command, nowMs, (out) => command.run(connection, connection.request, out));
  }

  #local(command: RespCommand | null, nowMs: number, refusal: Refusal): void {
    this.#connection.replies.local(command, nowMs, (out) => out.error(refusal.message));
  }

  #refuse(command: RespCommand, refusal: Refusal, nowMs: number): void {
    this.#connection.server.router.countRefused('resp', refusal.code);
    this.#local(command, nowMs, refusal);
  }

  /** The hot path: SET without options goes from the socket's bytes into the keyspace's batch. */
  #put(nowMs: number): void {
    const connection = this.#connection;
    const { request, keyspace, replies } = connection;
    const refusal =
      checkKey(request, 1, keyspace.limits) ?? checkValue(request, 2, keyspace.limits) ?? writeRefusal(connection);
    if (refusal !== null) {
      this.#refuse(SET, refusal, nowMs);
      return;
    }
    const key = this.#key;
    const value = this.#value;
    key.source = request.buffer;
    key.start = request.start(1);
    key.end = request.end(1);
    value.source = request.buffer;
    value.start = request.start(2);
    value.end = request.end(2);
    keyspace.put(key, value, connection, replies.open(SET, null, nowMs), optionsOf(keyspace));
  }

  #read(command: AnyReadCommand, nowMs: number): void {
    const connection = this.#connection;
    const state = command.prepare(connection.request, connection);
    if (state instanceof Refusal) {
      this.#refuse(command, state, nowMs);
      return;
    }
    const { keyspace, replies, request } = connection;
    const consistency = readAs(connection);
    if (consistency instanceof Refusal) {
      this.#refuse(command, consistency, nowMs);
      return;
    }
    const token = replies.open(command, state, nowMs);
    if (keyspace.leaderless === null) keyspace.read(consistency, connection, token);
    else readLeaderless(keyspace, command, request, connection, token);
  }

  #wait(command: WaitCommand, nowMs: number): void {
    const connection = this.#connection;
    const waiting = command.prepare(connection.request, connection);
    if (waiting instanceof Refusal) {
      this.#refuse(command, waiting, nowMs);
      return;
    }
    const atOnce = waiting.poll(false);
    if (atOnce !== null) {
      connection.replies.local(command, nowMs, atOnce);
      return;
    }
    const token = connection.replies.open(command, null, nowMs);
    this.#outstanding = 'wait';
    const stop = systemScheduler.every(WAIT_POLL_MS, () => {
      const answer = connection.closed ? null : waiting.poll(performance.now() - nowMs >= waiting.timeoutMs);
      if (answer === null && !connection.closed) return;
      stop();
      if (answer === null) return;
      connection.replies.answer(token, answer);
      connection.scheduleFlush();
    });
  }

  #write(command: WriteCommand, nowMs: number): void {
    const connection = this.#connection;
    const { keyspace, replies } = connection;
    const plan = command.plan(connection.request, keyspace.limits);
    if (plan instanceof Refusal) {
      this.#refuse(command, plan, nowMs);
      return;
    }
    const refused = engineRefusal(connection, plan) ?? writeRefusal(connection);
    if (refused !== null) {
      this.#refuse(command, refused, nowMs);
      return;
    }
    if (plan.operations.length === 0) {
      replies.local(command, nowMs, (out) => plan.answer(out, NOTHING_DONE));
      return;
    }
    const token = replies.open(command, plan, nowMs);
    try {
      keyspace.submit({ operations: plan.operations }, connection, token, optionsOf(keyspace));
    } catch (error) {
      // Nothing was taken over: the command could not be encoded.
      replies.fail(token, toKvorumError(error));
    }
  }
}

/** Set in lower case letters. */
const CASE_BIT = 32;

/** GET and SET are found by three bytes, everything else by a hash of its name. */
function findCommand(request: Request): RespCommand | undefined {
  const { buffer } = request;
  const start = request.start(0);
  const end = request.end(0);
  if (
    end - start === 3 &&
    ((buffer[start + 1] as number) | CASE_BIT) === 101 &&
    ((buffer[start + 2] as number) | CASE_BIT) === 116
  ) {
    const first = (buffer[start] as number) | CASE_BIT;
    if (first === 115) return SET;
    if (first === 103) return GET;
  }
  return COMMANDS.findBytes(buffer, start, end);
}

/** As Redis: the name and the first arguments, 128 bytes at most of each. */
function unknownCommand(request: Request): Refusal {
  let shown = '';
  for (let at = 1; at < request.count && shown.length < 128; at++) {
    shown += `'${cString(argumentHead(request, at)).slice(0, 128 - shown.length)}' `;
  }
  const name = cString(argumentHead(request, 0)).slice(0, 128);
  return new Refusal(`ERR unknown command '${name}', with args beginning with: ${shown}`, 'unsupported_operation');
}

/** The first bytes of an argument of any length. */
function argumentHead(request: Request, at: number): string {
  const start = request.start(at);
  return request.buffer.toString('latin1', start, Math.min(start + 128, request.end(at)));
}

function optionsOf({ leaderless }: Keyspace): WriteOptions | undefined {
  return leaderless?.conflicts === 'siblings' ? REPLACES_ALL : undefined;
}
