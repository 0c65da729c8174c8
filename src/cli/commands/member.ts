import { Command, Option } from 'commander';
import type { MemberChangeOptions, MembersChanged, MembersView, MemberView } from '../../client/members.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientOf, positiveNumber, wantsJson } from './client-command.js';

interface ChangeFlags {
  readonly keyspace?: string;
  readonly timeout?: number;
}

interface AddFlags extends ChangeFlags {
  readonly peer?: string;
  readonly http?: string;
  readonly redis?: string;
  readonly region?: string;
  readonly promote?: boolean;
}

export function memberCommand(): Command {
  return new Command('member')
    .description('Change who belongs to the cluster: add, promote, remove, list')
    .addCommand(listCommand())
    .addCommand(addCommand())
    .addCommand(promoteCommand())
    .addCommand(removeCommand())
    .addHelpText(
      'after',
      '\nExamples:\n  $ kvorum member list\n  $ kvorum member add n4 --peer 10.0.0.4:7101 --http 10.0.0.4:8101 --promote\n' +
        '  $ kvorum member remove n2',
    );
}

/** A command that waits for a change. */
function changeCommand(name: string, description: string, defaultMs: string): Command {
  return new Command(name)
    .description(description)
    .option('--keyspace <name>', 'only in this keyspace; in all of them by default')
    .addOption(
      new Option('--timeout <ms>', `give up after this time (default: ${defaultMs})`)
        .argParser(positiveNumber)
        .helpGroup('Connection:'),
    );
}

function changeOptions({ keyspace, timeout }: ChangeFlags): MemberChangeOptions {
  return { ...(keyspace === undefined ? {} : { keyspace }), ...(timeout === undefined ? {} : { timeoutMs: timeout }) };
}

function addCommand(): Command {
  return changeCommand('add', 'Add a replica as a learner', '8000, and 60000 with --promote')
    .argument('<id>', 'one that no replica of the cluster ever had')
    .option('--peer <host:port>', 'where the other replicas reach it; needed unless the topology lists it')
    .option('--http <host:port>', 'where clients reach it over HTTP')
    .option('--redis <host:port>', 'where clients reach it with the Redis protocol')
    .option('--region <name>', 'where it stands')
    .option('--promote', 'wait until it has caught up, then make it a voter')
    .addHelpText(
      'after',
      `
Start the new replica first, with a topology of its own that says joining: true (docs/operations.md).

Examples:
  $ kvorum member add n4 --peer 10.0.0.4:7101 --http 10.0.0.4:8101
  $ kvorum member add n4 --peer 10.0.0.4:7101 --promote
  $ kvorum member add n4 --peer 10.0.0.4:7101 --promote    # again: goes on where it stopped`,
    )
    .action(async (id: string, flags: AddFlags, command: Command) => {
      const { http, peer, promote, redis, region } = flags;
      const member = {
        id,
        ...(peer === undefined ? {} : { peer }),
        ...(http === undefined ? {} : { http }),
        ...(redis === undefined ? {} : { redis }),
        ...(region === undefined ? {} : { region }),
      };
      const options = { ...changeOptions(flags), ...(promote === undefined ? {} : { promote }) };
      const changed = await clientOf(command).addMember(member, options);
      show(command, changed, promote === true ? 'is a voter already' : 'is a member already');
      if (promote !== true && !wantsJson(command)) {
        process.stderr.write(`it decides nothing yet: kvorum member promote ${id}\n`);
      }
    });
}

function promoteCommand(): Command {
  return changeCommand('promote', 'Make a learner a voter', '8000, and 60000 with --wait')
    .argument('<id>')
    .option('--wait', 'until it has caught up')
    .addHelpText('after', '\nExamples:\n  $ kvorum member promote n4\n  $ kvorum member promote n4 --wait')
    .action(async (id: string, flags: ChangeFlags & { readonly wait?: boolean }, command: Command) => {
      const options = { ...changeOptions(flags), ...(flags.wait === undefined ? {} : { wait: flags.wait }) };
      show(command, await clientOf(command).promoteMember(id, options), 'is a voter already');
    });
}

function removeCommand(): Command {
  return changeCommand('remove', 'Remove a replica for ever; its id is never used again', '8000')
    .argument('<id>')
    .addHelpText(
      'after',
      '\nA leader hands over before it goes. Stop the process of the removed replica afterwards.\n\n' +
        'Examples:\n  $ kvorum member remove n2',
    )
    .action(async (id: string, flags: ChangeFlags, command: Command) => {
      show(command, await clientOf(command).removeMember(id, changeOptions(flags)), 'was removed before');
    });
}

/** A line per keyspace: what was done there. */
function show(command: Command, changed: MembersChanged, unchanged: string): void {
  if (wantsJson(command)) {
    printJson(changed);
    return;
  }
  for (const { done, keyspace } of changed.results) {
    const what = done.length === 0 ? unchanged : done.join(' and ');
    process.stdout.write(`${changed.id} ${what} (keyspace ${keyspace})\n`);
  }
}

function listCommand(): Command {
  return new Command('list')
    .description('Show who belongs to the cluster, and how far each member is')
    .addOption(
      new Option('--timeout <ms>', 'give up after this time (default: 10000)')
        .argParser(positiveNumber)
        .helpGroup('Connection:'),
    )
    .addHelpText('after', '\nExamples:\n  $ kvorum member list\n  $ kvorum member list -o json')
    .action(async (_flags: unknown, command: Command) => {
      const view = await clientOf(command).members();
      if (wantsJson(command)) printJson(view);
      else printMembers(view);
    });
}

function printMembers(view: MembersView): void {
  printTable(
    ['id', 'role', 'keyspaces', 'peer', 'http', 'match', 'lag', 'folder', 'connected'],
    view.members.map((member) => [
      member.id,
      roleCell(member),
      member.keyspaces.map(({ keyspace }) => keyspace).join(' '),
      member.peer ?? '-',
      member.http ?? '-',
      figures(member, 'match_index'),
      figures(member, 'lag'),
      member.folder_known ? 'known' : '-',
      member.connected ? 'yes' : 'no',
    ]),
  );
  for (const { joint, keyspace } of view.keyspaces) {
    if (joint) process.stderr.write(`keyspace ${keyspace}: a change is under way\n`);
  }
  const unknown = view.members.some(({ keyspaces }) =>
    keyspaces.some(({ lag, role }) => lag === null && role !== 'removed'),
  );
  const leader = view.keyspaces.find(({ leader_http: http }) => http !== null);
  if (unknown && leader !== undefined) {
    process.stderr.write(`how far members are is known to the leader: --node ${leader.leader_http}\n`);
  }
}

/** The one role, or one per keyspace where they differ. */
function roleCell({ keyspaces, role }: MemberView): string {
  const same = keyspaces.every((there) => there.role === role);
  return same ? role : keyspaces.map((there) => `${there.keyspace}: ${there.role}`).join(', ');
}

/** In the order of the keyspaces. */
function figures({ keyspaces }: MemberView, name: 'match_index' | 'lag'): string {
  return keyspaces.map((there) => String(there[name] ?? '-')).join(' ');
}
