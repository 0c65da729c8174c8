import type { Client } from '../client.js';
import { globMatches } from '../glob.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { RespCommand } from './command.js';
import { runSubcommand, type Subcommand } from './subcommands.js';

/** The settings of Redis that tools ask for, with what they mean here. Every write is synced: that is the log. */
function settings(client: Client): readonly (readonly [name: string, value: string])[] {
  const { limits, databases, port } = client.server;
  return [
    ['save', ''],
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
    ['databases', String(databases.length)],
    ['maxclients', String(limits.connections)],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['port', String(port)],
    ['proto-max-bulk-len', String(limits.bulkBytes)],
    ['client-query-buffer-limit', String(limits.queryBytes)],
    ['timeout', '0'],
    ['requirepass', ''],
  ];
}

/** Names as they were asked for, as Redis answers them; a setting is told once. */
function get(client: Client, request: Request, out: ReplyWriter): void {
  const found = new Map<string, readonly [shown: string, value: string]>();
  const all = settings(client);
  for (let at = 2; at < request.count; at++) {
    const pattern = request.byteString(at);
    const isGlob = /[*?[]/.test(pattern);
    for (const [name, value] of all) {
      if (found.has(name) || !globMatches(pattern, name, true)) continue;
      found.set(name, [isGlob ? name : pattern, value]);
    }
  }
  out.map(found.size);
  for (const [shown, value] of found.values()) {
    out.byteString(shown);
    out.text(value);
  }
}

const SUBCOMMANDS: readonly Subcommand[] = [
  { name: 'get', arity: -3, run: get },
  {
    name: 'set',
    arity: -4,
    run: (_client, _request, out) => out.error('ERR CONFIG SET is not offered: options are set in the topology'),
  },
];

export const CONFIG: RespCommand = {
  name: 'config',
  kind: 'local',
  arity: -2,
  flags: ['admin', 'loading', 'stale', 'noscript'],
  keys: [0, 0, 0],
  group: 'server',
  since: '2.0.0',
  summary: 'A container for server configuration commands',
  run: (client, request, out) => runSubcommand('config', SUBCOMMANDS, client, request, out),
};
