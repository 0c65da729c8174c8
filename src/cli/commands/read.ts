import { Option, type Command } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import type { ScanOptions } from '../../client/client.js';
import { bytesCell, itemJson } from '../output/item.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientOf, positiveNumber, readCommand, sessionMember, wantsJson, type ReadFlags } from './client-command.js';

const PAGE_KEYS = 100;

interface GetFlags extends ReadFlags {
  readonly raw?: boolean;
}

export function getCommand(): Command {
  return readCommand('get', 'Print the value of a key; exit code 7 when there is none')
    .argument('<key>')
    .option('--raw', 'the bytes of the value alone, without a line end')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvorum get x\n  $ kvorum get x --consistency stale -o json\n  $ kvorum get photo --raw > photo.jpg',
    )
    .action(async (key: string, { consistency, raw }: GetFlags, command: Command) => {
      const client = clientOf(command);
      const found = await client.get(key, consistency === undefined ? {} : { consistency });
      if (found === null) throw new KvorumError('key_not_found', `There is no key ${JSON.stringify(key)}`);
      if (raw === true) process.stdout.write(found.valueBytes);
      else if (wantsJson(command)) printJson({ ...itemJson(found), ...sessionMember(client) });
      else process.stdout.write(Buffer.concat([found.valueBytes, Buffer.from('\n')]));
    });
}

interface ScanFlags extends ReadFlags, Pick<ScanOptions, 'start' | 'end' | 'limit' | 'cursor'> {}

export function scanCommand(): Command {
  return readCommand('scan', 'List keys in the order of their bytes')
    .argument('[prefix]', 'only keys that begin with this')
    .option('--start <key>', 'first key')
    .option('--end <key>', 'end, not included')
    .addOption(new Option('--limit <n>', 'keys in this page').argParser(positiveNumber).default(PAGE_KEYS))
    .option('--cursor <cursor>', 'continue where an earlier page ended')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvorum scan user:\n  $ kvorum scan --start a --end n --limit 10\n  $ kvorum scan -o json',
    )
    .action(async (prefix: string | undefined, flags: ScanFlags, command: Command) => {
      const { consistency, cursor, end, limit, start } = flags;
      const asked = { prefix, start, end, limit, cursor, consistency };
      const options = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
      const client = clientOf(command);
      const page = await client.scan(options);
      if (wantsJson(command)) {
        const { cursor: next, items, revision } = page;
        printJson({ items: items.map(itemJson), next_cursor: next, revision, ...sessionMember(client) });
        return;
      }
      const rows = page.items.map((item) => [
        bytesCell(item.key, item.keyBytes),
        bytesCell(item.value, item.valueBytes),
        String(item.createRevision === null ? item.version : item.revision),
      ]);
      printTable(['key', 'value', 'revision'], rows);
      if (page.cursor !== null) process.stderr.write(`more keys follow: add --cursor ${page.cursor}\n`);
    });
}
