import type { Command } from 'commander';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientCommand, clientOf, wantsJson } from './client-command.js';

interface FailoverFlags {
  readonly file?: string;
  readonly keyspace?: string;
}

export function failoversCommand(): Command {
  return clientCommand('failovers', 'Show changes of leader, and writes that this replica had to throw away')
    .option('--file <name>', 'the writes of this file, as JSON, one a line')
    .option('--keyspace <name>', 'by default the default one, or the first with the engine semisync')
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvorum failovers --node http://127.0.0.1:8200\n  $ kvorum failovers --file <file> > lost.ndjson',
    )
    .action(async ({ file, keyspace }: FailoverFlags, command: Command) => {
      await (file === undefined ? list(command, keyspace) : dump(command, file, keyspace));
    });
}

async function list(command: Command, keyspace: string | undefined): Promise<void> {
  const view = await clientOf(command).failovers(keyspace);
  if (wantsJson(command)) printJson(view);
  else {
    const rows = view.failovers.map(({ before, discarded, epoch, forced, leader, start_offset }) => [
      String(epoch),
      leader,
      before ?? '-',
      String(start_offset),
      forced ? 'yes' : 'no',
      discarded === null ? '0' : String(discarded.writes),
      discarded === null ? '0' : String(discarded.acknowledged),
      discarded?.file ?? '-',
    ]);
    printTable(['epoch', 'leader', 'before', 'from offset', 'forced', 'discarded', 'acknowledged', 'file'], rows);
  }
  if (view.acknowledged_lost === 0) return;
  process.stderr.write(
    `${view.acknowledged_lost} acknowledged writes of ${view.keyspace} were thrown away on ${view.id}\n`,
  );
}

async function dump(command: Command, file: string, keyspace: string | undefined): Promise<void> {
  const lost = await clientOf(command).lostWrites(file, keyspace);
  if (wantsJson(command)) {
    printJson(lost);
    return;
  }
  const { commands } = lost;
  for (const each of Array.isArray(commands) ? (commands as unknown[]) : []) {
    process.stdout.write(`${JSON.stringify(each)}\n`);
  }
}
