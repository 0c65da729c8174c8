import { Command, InvalidArgumentError } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { connect, type KvorumClient, type WriteOptions } from '../../client/client.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';

interface GlobalOptions {
  readonly node: string;
  readonly output: string;
  readonly keyspace?: string;
}

interface WriteFlags {
  readonly keyspace?: string;
  readonly clientId?: string;
  readonly seq?: number;
  readonly ifAbsent?: boolean;
  readonly ifRevision?: number;
}

interface ReadFlags {
  readonly consistency?: string;
  readonly keyspace?: string;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed');
  return value;
}

function globals(command: Command): GlobalOptions {
  return command.optsWithGlobals();
}

function clientOf(command: Command): KvorumClient {
  const { node, keyspace } = globals(command);
  return connect({
    node: node.includes('://') ? node : `http://${node}`,
    ...(keyspace === undefined ? {} : { keyspace }),
  });
}

function writeOptions({ clientId, seq, ifAbsent, ifRevision }: WriteFlags): WriteOptions {
  if ((clientId === undefined) !== (seq === undefined)) {
    throw new KvorumError('usage', '--client-id and --seq go together');
  }
  return {
    ...(clientId === undefined || seq === undefined ? {} : { session: { clientId, seq } }),
    ...(ifAbsent === undefined ? {} : { ifAbsent }),
    ...(ifRevision === undefined ? {} : { ifRevision }),
  };
}

function show(command: Command, json: unknown, plain: string): void {
  if (globals(command).output === 'json') printJson(json);
  else process.stdout.write(`${plain}\n`);
}

function write(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--keyspace <name>', 'keyspace instead of the default one')
    .option('--client-id <id>', 'with --seq: applied at most once, however often it is sent')
    .option('--seq <n>', 'sequence number of this client', wholeNumber);
}

function read(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--keyspace <name>', 'keyspace instead of the default one')
    .option('--consistency <level>', 'linearizable, lease or stale');
}

function putCommand(): Command {
  return write('put', 'Set a key')
    .argument('<key>')
    .argument('<value>')
    .option('--if-absent', 'only when the key does not exist')
    .option('--if-revision <n>', 'only when the key has this revision', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvorum put x 1\n  $ kvorum --node http://127.0.0.1:8102 put x 2 --if-revision 1',
    )
    .action(async (key: string, value: string, flags: WriteFlags, command: Command) => {
      const result = await clientOf(command).put(key, value, writeOptions(flags));
      show(command, result, `${result.result} (revision ${result.revision})`);
    });
}

function getCommand(): Command {
  return read('get', 'Read a key')
    .argument('<key>')
    .addHelpText('after', '\nExamples:\n  $ kvorum get x\n  $ kvorum get x --consistency stale -o json')
    .action(async (key: string, flags: ReadFlags, command: Command) => {
      const { consistency } = flags;
      const found = await clientOf(command).get(key, consistency === undefined ? {} : { consistency });
      if (found === null) throw new KvorumError('key_not_found');
      show(command, found, found.value);
    });
}

function deleteCommand(): Command {
  return write('del', 'Delete a key')
    .argument('<key>')
    .option('--if-revision <n>', 'only when the key has this revision', wholeNumber)
    .addHelpText('after', '\nExample:\n  $ kvorum del x')
    .action(async (key: string, flags: WriteFlags, command: Command) => {
      const result = await clientOf(command).delete(key, writeOptions(flags));
      if (result === null) throw new KvorumError('key_not_found');
      show(command, result, `${result.result} (revision ${result.revision})`);
    });
}

function casCommand(): Command {
  return write('cas', 'Set a key if its value is the expected one')
    .argument('<key>')
    .argument('<expected>', 'the current value; with --expect-absent the new value goes here')
    .argument('[value]', 'the new value')
    .option('--expect-absent', 'the key must not exist')
    .addHelpText('after', '\nExamples:\n  $ kvorum cas x 1 2\n  $ kvorum cas lock mine --expect-absent')
    .action(async (key: string, first: string, second: string | undefined, flags: WriteFlags, command: Command) => {
      const absent = (flags as { expectAbsent?: boolean }).expectAbsent === true;
      if (absent === (second !== undefined)) {
        throw new KvorumError('usage', 'Give <key> <expected> <value>, or <key> <value> --expect-absent');
      }
      const client = clientOf(command);
      const result = await client.cas(key, absent ? null : first, second ?? first, writeOptions(flags));
      show(command, result, `${result.result} (revision ${result.revision})`);
    });
}

function scanCommand(): Command {
  return read('scan', 'List keys in order')
    .argument('[prefix]', 'only keys that begin with this')
    .option('--start <key>', 'first key')
    .option('--end <key>', 'end, not included')
    .option('--limit <n>', 'keys in this page', wholeNumber, 100)
    .option('--cursor <cursor>', 'continue where an earlier page ended')
    .addHelpText('after', '\nExamples:\n  $ kvorum scan user:\n  $ kvorum scan --start a --end n --limit 10 -o json')
    .action(async (prefix: string | undefined, flags: Record<string, unknown>, command: Command) => {
      const { keyspace: _keyspace, ...options } = flags;
      const page = await clientOf(command).scan({ ...options, ...(prefix === undefined ? {} : { prefix }) });
      if (globals(command).output === 'json') {
        printJson(page);
        return;
      }
      printTable(
        ['key', 'value', 'revision'],
        page.items.map(({ key, value, revision }) => [key, value, String(revision)]),
      );
      if (page.cursor !== null) process.stderr.write(`more: --cursor ${page.cursor}\n`);
    });
}

/** The parts of GET /status that the table shows. */
interface StatusAnswer {
  readonly id: string;
  readonly cluster: string;
  readonly uptime_ms: number;
  readonly keyspaces: readonly Readonly<Record<string, unknown>>[];
  readonly links: readonly Readonly<Record<string, unknown>>[];
}

const KEYSPACE_COLUMNS = [
  'keyspace',
  'engine',
  'role',
  'term',
  'leader',
  'commit_index',
  'applied_index',
  'keys',
  'revision',
];
const LINK_COLUMNS = ['peer', 'address', 'connected', 'queued_bytes', 'reconnects'];

function statusCommand(): Command {
  return new Command('status')
    .description('Show a replica: roles, term, leader, progress, peers')
    .addHelpText('after', '\nExamples:\n  $ kvorum status\n  $ kvorum --node http://127.0.0.1:8102 status -o json')
    .action(async (_flags: unknown, command: Command) => {
      const answer = await clientOf(command).status();
      if (globals(command).output === 'json') {
        printJson(answer);
        return;
      }
      const status = answer as unknown as StatusAnswer;
      const uptime = `${Math.round(status.uptime_ms / 1000)} s`;
      process.stdout.write(`replica ${status.id} · cluster ${status.cluster} · up ${uptime}\n\n`);
      printRecords(status.keyspaces, KEYSPACE_COLUMNS);
      process.stdout.write('\n');
      printRecords(status.links, LINK_COLUMNS);
    });
}

function printRecords(records: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): void {
  printTable(
    columns,
    records.map((record) => columns.map((column) => String(record[column] ?? '-'))),
  );
}

/** The client commands: they talk HTTP to the replica named by --node. */
export function dataCommands(): Command[] {
  return [putCommand(), getCommand(), deleteCommand(), casCommand(), scanCommand(), statusCommand()];
}
