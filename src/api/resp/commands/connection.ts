import { wrongArity } from '../replies.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { Client } from '../client.js';
import type { LocalCommand, RespCommand } from './command.js';

const FACTS = { flags: ['fast', 'loading', 'stale', 'noscript'], keys: [0, 0, 0], group: 'connection' } as const;

function ping(_client: Client, request: Request, out: ReplyWriter): void {
  if (request.count > 2) out.error(wrongArity('ping').message);
  else if (request.count === 2) out.bulk(request.buffer, request.start(1), request.end(1));
  else out.simple('PONG');
}

/** Database numbers of Redis, or names of keyspaces. */
function select(client: Client, request: Request, out: ReplyWriter): void {
  const { databases } = client.server;
  const number = request.integer(1);
  const text = request.text(1);
  const named = databases.findIndex(({ name }) => name === text);
  if (named !== -1) client.database = named;
  else if (number === null) out.error(`ERR There is no such keyspace: '${text.slice(0, 128)}'`);
  else if (number < 0n || number >= BigInt(databases.length)) out.error('ERR DB index is out of range');
  else client.database = Number(number);
  if (named !== -1 || (number !== null && number >= 0n && number < BigInt(databases.length))) out.ok();
}

function reset(client: Client, _request: Request, out: ReplyWriter): void {
  client.database = 0;
  client.name = '';
  client.noEvict = false;
  out.version = 2;
  out.simple('RESET');
}

function time(_client: Client, _request: Request, out: ReplyWriter): void {
  const micros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  out.array(2);
  out.text(String(Math.floor(micros / 1_000_000)));
  out.text(String(micros % 1_000_000));
}

function crossProtocol(client: Client): void {
  client.server.warnCrossProtocol(client);
  client.killed = true;
}

/** Words of HTTP: a browser was led here to make it speak Redis (reliability.md §6.1). */
function httpWord(name: string): LocalCommand {
  return {
    ...FACTS,
    name,
    kind: 'local',
    arity: -1,
    since: '3.2.7',
    summary: 'An internal command for detecting HTTP clients',
    run: crossProtocol,
  };
}

export const HTTP_WORDS: readonly RespCommand[] = [httpWord('post'), httpWord('host:')];

export const CONNECTION_COMMANDS: readonly RespCommand[] = [
  { ...FACTS, name: 'ping', kind: 'local', arity: -1, since: '1.0.0', summary: 'Ping the server', run: ping },
  {
    ...FACTS,
    name: 'echo',
    kind: 'local',
    arity: 2,
    since: '1.0.0',
    summary: 'Echo the given string',
    run: (_client, request, out) => out.bulk(request.buffer, request.start(1), request.end(1)),
  },
  {
    ...FACTS,
    name: 'select',
    kind: 'local',
    arity: 2,
    since: '1.0.0',
    summary: 'Change the selected database for the current connection',
    run: select,
  },
  {
    ...FACTS,
    name: 'quit',
    kind: 'local',
    arity: -1,
    since: '1.0.0',
    summary: 'Close the connection',
    run: (client, _request, out) => {
      client.closing = true;
      out.ok();
    },
  },
  {
    ...FACTS,
    name: 'reset',
    kind: 'barrier',
    arity: 1,
    since: '6.2.0',
    summary: 'Reset the connection',
    run: reset,
  },
  {
    ...FACTS,
    name: 'time',
    group: 'server',
    kind: 'local',
    arity: 1,
    since: '2.6.0',
    summary: 'Return the current server time',
    run: time,
  },
];
