import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { RespCommand } from './command.js';
import { runSubcommand, type Subcommand } from './subcommands.js';

/** What COMMAND needs of the table that it is itself a part of. */
export interface CommandTable {
  readonly all: readonly RespCommand[];
  find(name: string): RespCommand | undefined;
}

/** The ten elements of Redis 7: categories, tips, key specifications and subcommands are left empty. */
function writeInfo(out: ReplyWriter, command: RespCommand | undefined): void {
  if (command === undefined) {
    // A null array in RESP2, where a missing command is not a missing string.
    if (out.version === 3) out.nil();
    else out.nilArray();
    return;
  }
  const [first, last, step] = command.keys;
  out.array(10);
  out.text(command.name);
  out.integer(command.arity);
  out.set(command.flags.length);
  for (const flag of command.flags) out.simple(flag);
  out.integer(first);
  out.integer(last);
  out.integer(step);
  out.set(0);
  out.array(0);
  out.array(0);
  out.array(0);
}

function writeDocs(out: ReplyWriter, command: RespCommand): void {
  out.text(command.name);
  out.map(3);
  out.text('summary');
  out.text(command.summary);
  out.text('since');
  out.text(command.since);
  out.text('group');
  out.text(command.group);
}

function named(table: CommandTable, request: Request): (RespCommand | undefined)[] {
  const found: (RespCommand | undefined)[] = [];
  for (let at = 2; at < request.count; at++) found.push(table.find(request.byteString(at).toLowerCase()));
  return found;
}

function subcommands(table: CommandTable): readonly Subcommand[] {
  return [
    { name: 'count', arity: 2, run: (_client, _request, out) => out.integer(table.all.length) },
    {
      name: 'list',
      arity: -2,
      run: (_client, request, out) => {
        if (request.count > 2) {
          out.error('ERR syntax error');
          return;
        }
        out.set(table.all.length);
        for (const { name } of table.all) out.text(name);
      },
    },
    {
      name: 'info',
      arity: -2,
      run: (_client, request, out) => {
        const commands = request.count === 2 ? table.all : named(table, request);
        out.array(commands.length);
        for (const command of commands) writeInfo(out, command);
      },
    },
    {
      name: 'docs',
      arity: -2,
      run: (_client, request, out) => {
        const asked = request.count === 2 ? table.all : named(table, request);
        const commands = asked.filter((command) => command !== undefined);
        out.map(commands.length);
        for (const command of commands) writeDocs(out, command);
      },
    },
  ];
}

export function createCommandCommand(table: CommandTable): RespCommand {
  const children = subcommands(table);
  return {
    name: 'command',
    kind: 'local',
    arity: -1,
    flags: ['loading', 'stale'],
    keys: [0, 0, 0],
    group: 'server',
    since: '2.8.13',
    summary: 'Get array of Redis command details',
    run: (client, request, out) => {
      if (request.count > 1) {
        runSubcommand('command', children, client, request, out);
        return;
      }
      out.array(table.all.length);
      for (const command of table.all) writeInfo(out, command);
    },
  };
}
