import type { Command } from 'commander';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientCommand, clientOf, wantsJson, wholeNumber } from './client-command.js';

interface QuorumFlags {
  readonly keyspace?: string;
}

export function quorumCommand(): Command {
  return clientCommand('quorum', 'Show how many followers a write takes, or change it')
    .argument('[followers]', 'from now on, so many followers have a write before it is answered', wholeNumber)
    .option('--keyspace <name>', 'by default the default one, or the first with the engine semisync')
    .addHelpText('after', '\nExamples:\n  $ kvorum quorum\n  $ kvorum quorum 3\n  $ kvorum quorum 2 --keyspace feed')
    .action(async (followers: number | undefined, { keyspace }: QuorumFlags, command: Command) => {
      await (followers === undefined ? show(command, keyspace) : change(command, followers, keyspace));
    });
}

async function show(command: Command, keyspace: string | undefined): Promise<void> {
  const quorum = await clientOf(command).writeQuorum(keyspace);
  if (wantsJson(command)) {
    printJson(quorum);
    return;
  }
  const { available, failover_tolerance, follower_count, keyspace: name, leader, promises, write_quorum } = quorum;
  printTable(
    ['keyspace', 'leader', 'write quorum', 'followers', 'available', 'promotion takes', 'may be gone'],
    [
      [
        name,
        leader ?? '-',
        String(write_quorum),
        String(follower_count),
        available === null ? '-' : String(available),
        `${promises} of ${follower_count + 1}`,
        String(failover_tolerance),
      ],
    ],
  );
}

async function change(command: Command, followers: number, keyspace: string | undefined): Promise<void> {
  const changed = await clientOf(command).setWriteQuorum(followers, keyspace);
  if (wantsJson(command)) printJson(changed);
  else {
    const { effective_offset: offset, keyspace: name, new: now, old } = changed;
    process.stdout.write(`write quorum ${now} after offset ${offset}, was ${old} (keyspace ${name})\n`);
  }
}
