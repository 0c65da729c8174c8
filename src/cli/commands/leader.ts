import { Command } from 'commander';
import { isKvorumError } from '../../base/errors/error.js';
import { connect } from '../../client/client.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientCommand, clientOf, wantsJson } from './client-command.js';

interface TransferFlags {
  readonly to?: string;
  readonly keyspace?: string;
}

export function leaderCommand(): Command {
  return new Command('leader')
    .description('Show who leads, or hand leadership over')
    .addCommand(showCommand())
    .addCommand(transferCommand())
    .addHelpText('after', '\nExamples:\n  $ kvorum leader show\n  $ kvorum leader transfer --to n2');
}

function showCommand(): Command {
  return clientCommand('show', 'Show who leads each keyspace')
    .addHelpText('after', '\nExamples:\n  $ kvorum leader show\n  $ kvorum leader show -o json')
    .action(async (_flags: unknown, command: Command) => {
      const { keyspaces } = await clientOf(command).members();
      const leaders = keyspaces.map(({ keyspace, leader, leader_http: http }) => ({ keyspace, leader, http }));
      if (wantsJson(command)) printJson(leaders);
      else {
        const rows = leaders.map(({ http, keyspace, leader }) => [keyspace, leader ?? '-', http ?? '-']);
        printTable(['keyspace', 'leader', 'http'], rows);
      }
    });
}

function transferCommand(): Command {
  return clientCommand('transfer', 'Hand leadership to another voter')
    .option('--to <id>', 'to this one; to the most advanced voter by default')
    .option('--keyspace <name>', 'keyspace instead of the default one')
    .addHelpText('after', '\nExamples:\n  $ kvorum leader transfer\n  $ kvorum leader transfer --to n2')
    .action(async ({ keyspace, to }: TransferFlags, command: Command) => {
      const { keyspace: name, leader } = await transfer(command, to, keyspace);
      if (wantsJson(command)) printJson({ keyspace: name, leader });
      else process.stdout.write(`${leader} leads (keyspace ${name})\n`);
    });
}

/** Only the leader can hand over: a replica that is asked names it, and it is asked then. */
async function transfer(
  command: Command,
  to: string | undefined,
  keyspace: string | undefined,
): Promise<{ readonly keyspace: string; readonly leader: string }> {
  try {
    return await clientOf(command).transferLeader(to, keyspace);
  } catch (error) {
    const url = isKvorumError(error) && error.code === 'not_leader' ? error.extra?.['leader_http'] : undefined;
    if (typeof url !== 'string') throw error;
    return connect({ node: url }).transferLeader(to, keyspace);
  }
}
