import type { Client } from '../client.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { CommandFacts, RespCommand } from './command.js';
import { BAD_CLIENT_NAME, isClientName } from './handshake.js';
import { cString, runSubcommand, type Subcommand } from './subcommands.js';

/** One line of CLIENT LIST, with the fields of Redis that mean something here. */
function describe(client: Client): string {
  const nowMs = performance.now();
  const fields = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    ['name', client.name],
    ['age', Math.floor((nowMs - client.connectedAtMs) / 1000)],
    ['idle', Math.floor((nowMs - client.lastActiveMs) / 1000)],
    ['flags', client.readOnly ? 'r' : 'N'],
    ['db', client.database],
    ['sub', 0],
    ['psub', 0],
    ['ssub', 0],
    ['multi', -1],
    ['qbuf', client.queryBytes],
    ['omem', client.outputBytes],
    ['events', 'r'],
    ['cmd', client.lastCommand],
    ['user', 'default'],
    ['redir', -1],
    ['resp', client.version],
    ['lib-name', client.libName],
    ['lib-ver', client.libVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

function setName(client: Client, request: Request, out: ReplyWriter): void {
  const name = request.byteString(2);
  if (!isClientName(name)) {
    out.error(BAD_CLIENT_NAME);
    return;
  }
  client.name = name;
  out.ok();
}

function setInfo(client: Client, request: Request, out: ReplyWriter): void {
  const value = request.byteString(3);
  const isName = request.is(2, 'lib-name');
  if (!isName && !request.is(2, 'lib-ver')) {
    out.error(`ERR Unrecognized option '${request.byteString(2)}'`);
  } else if (!isClientName(value)) {
    out.error(`ERR ${isName ? 'lib-name' : 'lib-ver'} cannot contain spaces, newlines or special characters.`);
  } else {
    if (isName) client.libName = value;
    else client.libVersion = value;
    out.ok();
  }
}

function list(client: Client, request: Request, out: ReplyWriter): void {
  let wanted: ((other: Client) => boolean) | null = () => true;
  if (request.is(2, 'type') && request.count === 4) {
    const normal = request.is(3, 'normal');
    if (!normal && !['master', 'replica', 'slave', 'pubsub'].some((type) => request.is(3, type))) {
      out.error(`ERR Unknown client type '${cString(request.byteString(3))}'`);
      return;
    }
    wanted = () => normal;
  } else if (request.count > 3 && request.is(2, 'id')) {
    const ids = new Set<number>();
    for (let at = 3; at < request.count; at++) {
      const id = request.integer(at);
      if (id === null || id < 1n) {
        out.error('ERR Invalid client ID');
        return;
      }
      ids.add(Number(id));
    }
    wanted = ({ id }) => ids.has(id);
  } else if (request.count !== 2) {
    wanted = null;
  }
  if (wanted === null) out.error('ERR syntax error');
  else
    out.verbatim(
      [...client.server.clients()]
        .filter(wanted)
        .map((other) => `${describe(other)}\n`)
        .join(''),
    );
}

const SUBCOMMANDS: readonly Subcommand[] = [
  { name: 'id', arity: 2, run: (client, _request, out) => out.integer(client.id) },
  {
    name: 'getname',
    arity: 2,
    run: (client, _request, out) => {
      if (client.name === '') out.nil();
      else out.byteString(client.name);
    },
  },
  { name: 'setname', arity: 3, run: setName },
  { name: 'setinfo', arity: 4, run: setInfo },
  { name: 'info', arity: 2, run: (client, _request, out) => out.verbatim(`${describe(client)}\n`) },
  { name: 'list', arity: -2, run: list },
  {
    name: 'no-evict',
    arity: 3,
    run: (client, request, out) => {
      const on = request.is(2, 'on');
      if (!on && !request.is(2, 'off')) {
        out.error('ERR syntax error');
        return;
      }
      client.noEvict = on;
      out.ok();
    },
  },
  {
    name: 'reply',
    arity: 3,
    run: (_client, request, out) => {
      if (request.is(2, 'on')) out.ok();
      else if (request.is(2, 'off') || request.is(2, 'skip'))
        out.error('ERR Kvorum answers every command: CLIENT REPLY ON only');
      else out.error('ERR syntax error');
    },
  },
];

const FACTS: CommandFacts = {
  name: 'client',
  arity: -2,
  flags: ['loading', 'stale', 'noscript'],
  keys: [0, 0, 0],
  group: 'connection',
  since: '2.4.0',
  summary: 'A container for client connection commands',
};

export const CLIENT: RespCommand = {
  ...FACTS,
  kind: 'local',
  run: (client, request, out) => runSubcommand('client', SUBCOMMANDS, client, request, out),
};
