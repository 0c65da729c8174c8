import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import {
  connect,
  type KvorumClient,
  type Level,
  type ReadConsistency,
  type WriteOptions,
} from '../../client/client.js';

/** What the commands that talk to a replica have in common: options, the client, and how values come in. */

interface ClientOptions {
  readonly node: string;
  readonly output: string;
  readonly keyspace?: string;
  readonly timeout?: number;
  readonly session?: string;
}

const LEVELS = [
  'session',
  'one',
  'eventual',
  'quorum',
  'local_quorum',
  'each_quorum',
  'all',
] as const satisfies Level[];
const ORDERED = ['linearizable', 'lease', 'stale', 'leader', 'strong', 'follower'] as const satisfies ReadConsistency[];
const BOUNDED = /^bounded:\d{1,9}$/;

export interface ReadFlags {
  readonly consistency?: ReadConsistency;
}

export interface WriteFlags {
  readonly clientId?: string;
  readonly seq?: number;
  readonly ifAbsent?: boolean;
  readonly ifRevision?: number;
  readonly consistency?: Level;
  readonly ttl?: number;
  readonly context?: string;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('A whole number is needed.');
  return value;
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError('It must be at least 1.');
  return value;
}

export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<ClientOptions>().output === 'json';
}

/** A client of the replica that --node names. Throws `usage` when that is no address. `waitMs`: without --timeout. */
export function clientOf(command: Command, waitMs?: number): KvorumClient {
  const { keyspace, node, session, timeout = waitMs } = command.optsWithGlobals<ClientOptions>();
  return connect({
    node: node.includes('://') ? node : `http://${node}`,
    ...(keyspace === undefined ? {} : { keyspace }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(session === undefined ? {} : { session }),
  });
}

export function clientCommand(name: string, description: string, waitMs = 10_000): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('--timeout <ms>', `give up after this time (default: ${waitMs})`)
        .argParser(positiveNumber)
        .helpGroup('Connection:'),
    );
}

function keyspaceCommand(name: string, description: string): Command {
  return clientCommand(name, description)
    .option('--keyspace <name>', 'keyspace instead of the default one')
    .option('--session <token>', 'of an earlier -o json: see nothing older than was seen then');
}

export function readCommand(name: string, description: string): Command {
  const choices = [...ORDERED, 'bounded:<ms>', ...LEVELS];
  return keyspaceCommand(name, description).addOption(
    new Option(
      '--consistency <level>',
      `instead of the keyspace's own: ${choices.join(', ')}; which of them, depends on the engine`,
    ).argParser(readConsistency),
  );
}

function readConsistency(text: string): string {
  if (BOUNDED.test(text) || [...ORDERED, ...LEVELS].some((word) => word === text)) return text;
  throw new InvalidArgumentError(`Allowed choices are ${[...ORDERED, 'bounded:<ms>', ...LEVELS].join(', ')}.`);
}

/** What a JSON result carries for the next command's --session. */
export function sessionMember({ sessionToken }: KvorumClient): { readonly session?: string } {
  return sessionToken === null ? {} : { session: sessionToken };
}

export function writeCommand(name: string, description: string): Command {
  return keyspaceCommand(name, description)
    .option('--client-id <id>', 'with --seq: applied at most once, however often it is sent')
    .option('--seq <n>', 'sequence number of this client, growing', wholeNumber)
    .addOption(
      new Option(
        '--consistency <level>',
        'leaderless keyspaces: how many members hold it before it is answered',
      ).choices(LEVELS),
    )
    .option('--context <context>', 'of the get that this follows, where siblings are kept: replaces all of them');
}

export function writeOptions(flags: WriteFlags): WriteOptions {
  const { clientId, consistency, context, seq, ifAbsent, ifRevision, ttl } = flags;
  if ((clientId === undefined) !== (seq === undefined)) {
    throw new KvorumError('usage', '--client-id and --seq go together');
  }
  if (ifAbsent === true && ifRevision !== undefined) {
    throw new KvorumError('usage', '--if-absent and --if-revision exclude each other');
  }
  return {
    ...(clientId === undefined || seq === undefined ? {} : { session: { clientId, seq } }),
    ...(ifAbsent === undefined ? {} : { ifAbsent }),
    ...(ifRevision === undefined ? {} : { ifRevision }),
    ...(consistency === undefined ? {} : { consistency }),
    ...(context === undefined ? {} : { context }),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
  };
}

/** The bytes of a file, or of stdin for `-`: arguments can carry text only. */
export function readValueFile(path: string): Uint8Array {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KvorumError('usage', `The value cannot be read: ${reason}`, { cause: error });
  }
}
