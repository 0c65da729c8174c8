import type { Command } from 'commander';
import type { FailoversView } from '../../client/quorum.js';
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
      discarded === null ? '0' : acknowledgedOf(discarded),
      discarded?.file ?? '-',
    ]);
    printTable(['epoch', 'leader', 'before', 'from offset', 'forced', 'discarded', 'acknowledged', 'file'], rows);
  }
  const { acknowledged_lost: lost, maybe_acknowledged_lost: maybe } = view;
  const where = `of ${view.keyspace} were thrown away on ${view.id}`;
  if (lost > 0) process.stderr.write(`${lost} acknowledged writes ${where}\n`);
  if (maybe > 0) process.stderr.write(`${maybe} writes that may have been acknowledged ${where}\n`);
  for (const { discarded } of view.failovers) {
    if (discarded?.before_log !== true) continue;
    process.stderr.write(`before those in ${discarded.file} there were more, in a checkpoint that was replaced\n`);
  }
}

/** `1`, or `1 to 3` where that is not known. */
function acknowledgedOf(discarded: NonNullable<FailoversView['failovers'][number]['discarded']>): string {
  const { acknowledged, maybe_acknowledged: maybe } = discarded;
  return maybe === 0 ? String(acknowledged) : `${acknowledged} to ${acknowledged + maybe}`;
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
