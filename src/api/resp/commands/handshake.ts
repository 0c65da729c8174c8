import type { Client } from '../client.js';
import { keyspaceOf } from '../client.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { RespCommand } from './command.js';
import { cString } from './subcommands.js';

/** The version whose replies these are: clients decide by it what they may send. */
export const REDIS_VERSION = '7.0.15';

const FACTS = { flags: ['fast', 'loading', 'stale', 'noscript'], keys: [0, 0, 0], group: 'connection' } as const;
const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';

/** Printable ASCII without blanks: what CLIENT LIST can show. */
export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

export const BAD_CLIENT_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** Master and slave are the words that clients know for leader and follower. Without a leader everybody takes writes. */
export function roleOf(client: Client): 'master' | 'slave' {
  const keyspace = keyspaceOf(client);
  return keyspace.leaderless !== null || keyspace.leader()?.isSelf === true ? 'master' : 'slave';
}

/** Does what the options of HELLO say, one after another as Redis does. The error that answers them, or null. */
function applyHelloOptions(client: Client, request: Request): string | null {
  for (let at = 2; at < request.count; at++) {
    const more = request.count - 1 - at;
    if (request.is(at, 'auth') && more >= 2) {
      // No password is configured: the default user has none, and there is no other.
      if (request.byteString(at + 1) !== 'default') return WRONG_PASSWORD;
      at += 2;
    } else if (request.is(at, 'setname') && more >= 1) {
      const name = request.byteString(at + 1);
      if (!isClientName(name)) return BAD_CLIENT_NAME;
      client.name = name;
      at++;
    } else {
      return `ERR Syntax error in HELLO option '${cString(request.byteString(at))}'`;
    }
  }
  return null;
}

function hello(client: Client, request: Request, out: ReplyWriter): void {
  const version = request.count > 1 ? request.integer(1) : BigInt(out.version);
  if (version === null) {
    out.error('ERR Protocol version is not an integer or out of range');
    return;
  }
  if (version !== 2n && version !== 3n) {
    out.error('NOPROTO unsupported protocol version');
    return;
  }
  const error = applyHelloOptions(client, request);
  if (error !== null) {
    out.error(error);
    return;
  }
  out.version = version === 3n ? 3 : 2;
  out.map(7);
  out.text('server');
  out.text('redis');
  out.text('version');
  out.text(REDIS_VERSION);
  out.text('proto');
  out.integer(out.version);
  out.text('id');
  out.integer(client.id);
  out.text('mode');
  out.text('standalone');
  out.text('role');
  out.text(roleOf(client) === 'master' ? 'master' : 'replica');
  out.text('modules');
  out.array(0);
}

function auth(_client: Client, request: Request, out: ReplyWriter): void {
  if (request.count > 3) {
    out.error('ERR syntax error');
  } else if (request.count === 2) {
    out.error(
      'ERR AUTH <password> called without any password configured for the default user. ' +
        'Are you sure your configuration is correct?',
    );
  } else if (request.byteString(1) === 'default') {
    out.ok();
  } else {
    out.error(WRONG_PASSWORD);
  }
}

export const HANDSHAKE_COMMANDS: readonly RespCommand[] = [
  {
    ...FACTS,
    name: 'hello',
    // Replies to earlier commands are in the dialect of then.
    kind: 'barrier',
    arity: -1,
    since: '6.0.0',
    summary: 'Handshake with Redis',
    run: hello,
  },
  {
    ...FACTS,
    name: 'auth',
    kind: 'local',
    arity: -2,
    since: '1.0.0',
    summary: 'Authenticate to the server',
    run: auth,
  },
];
