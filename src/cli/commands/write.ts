import type { Command } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import type { KvorumClient, WriteResult } from '../../client/client.js';
import { printJson } from '../output/json.js';
import {
  clientOf,
  positiveNumber,
  readValueFile,
  sessionMember,
  wantsJson,
  wholeNumber,
  writeCommand,
  writeOptions,
  type WriteFlags,
} from './client-command.js';

function show(command: Command, client: KvorumClient, key: string, written: WriteResult): void {
  const { result, revision, version } = written;
  const known = version === undefined ? { revision } : { revision, version };
  if (wantsJson(command)) printJson({ result, key, ...known, ...sessionMember(client) });
  else process.stdout.write(`${result} (${version === undefined ? `revision ${revision}` : `version ${version}`})\n`);
}

interface PutFlags extends WriteFlags {
  readonly file?: string;
}

export function putCommand(): Command {
  return writeCommand('put', 'Set a key')
    .argument('<key>')
    .argument('[value]', 'text; anything else comes from --file')
    .option('--file <path>', 'read the value from a file, - for stdin')
    .option('--ttl <ms>', 'leaderless keyspaces: it expires after this time', positiveNumber)
    .option('--if-absent', 'only when the key does not exist')
    .option('--if-revision <n>', 'only when the key has this revision', wholeNumber)
    .addHelpText(
      'after',
      `
Examples:
  $ kvorum put x 1
  $ kvorum --node http://127.0.0.1:8102 put x 2 --if-revision 1
  $ kvorum put photo --file photo.jpg
  $ kvorum put like:7 1 --keyspace likes --consistency quorum --ttl 60000
  $ kvorum put order:7 paid --client-id till-3 --seq 42    # may be repeated: applied once
  $ kvorum put -- x -5                                     # what begins with a dash goes after --`,
    )
    .action(async (key: string, text: string | undefined, flags: PutFlags, command: Command) => {
      if ((text === undefined) === (flags.file === undefined)) {
        throw new KvorumError('usage', 'Give the value either as an argument or with --file');
      }
      const client = clientOf(command);
      const value = text ?? readValueFile(flags.file ?? '-');
      show(command, client, key, await client.put(key, value, writeOptions(flags)));
    });
}

export function deleteCommand(): Command {
  return writeCommand('del', 'Delete a key; exit code 7 when there is none')
    .argument('<key>')
    .option('--if-revision <n>', 'only when the key has this revision', wholeNumber)
    .addHelpText('after', '\nExamples:\n  $ kvorum del x\n  $ kvorum del x --if-revision 12 -o json')
    .action(async (key: string, flags: WriteFlags, command: Command) => {
      const client = clientOf(command);
      const result = await client.delete(key, writeOptions(flags));
      if (result === null) throw new KvorumError('key_not_found', `There is no key ${JSON.stringify(key)}`);
      show(command, client, key, result);
    });
}

interface CasFlags extends WriteFlags {
  readonly expectAbsent?: boolean;
}

export function casCommand(): Command {
  return writeCommand('cas', 'Set a key if its value is the expected one; exit code 6 when it is not')
    .usage('[options] <key> <expected> <value>\n       kvorum cas [options] <key> <value> --expect-absent')
    .argument('<key>')
    .argument('<expected>', 'the current value; with --expect-absent the new value goes here')
    .argument('[value]', 'the new value')
    .option('--expect-absent', 'the key must not exist')
    .addHelpText('after', '\nExamples:\n  $ kvorum cas x 1 2\n  $ kvorum cas lock mine --expect-absent')
    .action(async (key: string, first: string, second: string | undefined, flags: CasFlags, command: Command) => {
      const absent = flags.expectAbsent === true;
      if (absent === (second !== undefined)) {
        throw new KvorumError('usage', 'Give <key> <expected> <value>, or <key> <value> --expect-absent');
      }
      const { session } = writeOptions(flags);
      const options = session === undefined ? {} : { session };
      const client = clientOf(command);
      show(command, client, key, await client.cas(key, absent ? null : first, second ?? first, options));
    });
}
