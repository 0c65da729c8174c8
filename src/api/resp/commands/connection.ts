import { NOT_AN_INTEGER, wrongArity } from '../replies.js';
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

/** Redis reads a database number as a C int. */
const INT_MAX = 2n ** 31n - 1n;

/** Database numbers as in Redis, or names of keyspaces. */
function select(client: Client, request: Request, out: ReplyWriter): void {
  const { databases } = client.server;
  const number = request.integer(1);
  const text = request.text(1);
  const wanted = number ?? databases.findIndex(({ name }) => name === text);
  if (wanted >= 0 && wanted < databases.length) {
    client.database = Number(wanted);
    out.ok();
  } else if (number === null) {
    // What looks like a number is answered as one.
    const isName = /^[^\s\d+-]/.test(text);
    out.error(isName ? `ERR There is no such keyspace: '${text.slice(0, 128)}'` : NOT_AN_INTEGER.message);
  } else if (number > INT_MAX || number < -INT_MAX - 1n) {
    out.error(`ERR value is out of range, value must between ${-INT_MAX - 1n} and ${INT_MAX}`);
  } else {
    out.error('ERR DB index is out of range');
  }
}

function reset(client: Client, _request: Request, out: ReplyWriter): void {
  client.database = 0;
  client.name = '';
  client.noEvict = false;
  client.readOnly = false;
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
    name: 'readonly',
    group: 'cluster',
    kind: 'local',
    arity: 1,
    since: '3.0.0',
    summary: 'Enables read queries for a connection to a follower',
    run: (client, _request, out) => {
      client.readOnly = true;
      out.ok();
    },
  },
  {
    ...FACTS,
    name: 'readwrite',
    group: 'cluster',
    kind: 'local',
    arity: 1,
    since: '3.0.0',
    summary: 'Sends read queries of a connection to the leader again',
    run: (client, _request, out) => {
      client.readOnly = false;
      out.ok();
    },
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
