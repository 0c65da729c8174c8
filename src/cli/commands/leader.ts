import { Command } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { connect } from '../../client/client.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientCommand, clientOf, wantsJson, wholeNumber } from './client-command.js';

/** A promotion waits for whoever answers, for several election timeouts. */
const PROMOTION_MS = 60_000;

const TRANSFER_EXAMPLES = `
Examples:
  $ kvorum leader transfer
  $ kvorum leader transfer --to n2
  $ kvorum leader transfer --to n2 --keyspace feed --force
  $ kvorum leader transfer --to n1 --force --write-quorum 1    # followers are gone for good`;

interface TransferFlags {
  readonly force?: boolean;
  readonly to?: string;
  readonly keyspace?: string;
  readonly writeQuorum?: number;
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
  return clientCommand('transfer', 'Hand leadership to another voter', PROMOTION_MS)
    .option('--to <id>', 'to this one; to the most advanced voter by default')
    .option('--keyspace <name>', 'keyspace instead of the default one')
    .option('--force', 'engine semisync: with whoever answers, although acknowledged writes may be lost')
    .option('--write-quorum <n>', 'with --force: what the new epoch begins with; --to may be the leader', wholeNumber)
    .addHelpText('after', TRANSFER_EXAMPLES)
    .action(async (flags: TransferFlags, command: Command) => {
      const { force = false, keyspace, to, writeQuorum } = flags;
      if (writeQuorum !== undefined && !force) throw new KvorumError('usage', '--write-quorum needs --force');
      if (force) await promoteByForce(command, flags);
      else {
        const { keyspace: name, leader } = await clientOf(command, PROMOTION_MS).transferLeader(to, keyspace);
        if (wantsJson(command)) printJson({ keyspace: name, leader });
        else process.stdout.write(`${leader} leads (keyspace ${name})\n`);
      }
    });
}

/** Asks the one that is to lead: those who led, and most others, may be gone. */
async function promoteByForce(command: Command, { keyspace, to, writeQuorum }: TransferFlags): Promise<void> {
  if (to === undefined) throw new KvorumError('usage', '--force needs --to: which replica has most is not known');
  const { members } = await clientOf(command).members();
  const node = members.find(({ id }) => id === to)?.http ?? null;
  if (node === null) throw new KvorumError('unknown_replica', `${to} is no member with an HTTP address`);
  const promoted = await connect({ node, timeoutMs: PROMOTION_MS }).promote({
    force: true,
    ...(keyspace === undefined ? {} : { keyspace }),
    ...(writeQuorum === undefined ? {} : { writeQuorum }),
  });
  if (wantsJson(command)) {
    printJson(promoted);
    return;
  }
  const { keyspace: name, leader, loss_possible: loss, promised, required } = promoted;
  const how = promised.length === 0 ? 'as before' : `by ${promised.length} of ${required} promises`;
  const quorum = writeQuorum === undefined ? '' : `, write quorum ${promoted.write_quorum}`;
  process.stdout.write(`${leader} leads (keyspace ${name}) ${how}${quorum}\n`);
  if (loss) process.stderr.write('acknowledged writes may be lost: see kvorum failovers on each replica\n');
}
