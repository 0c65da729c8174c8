import type { Keyspace, Router } from '../../replica/router.js';
import type { RespLimits } from './limits.js';
import type { ScanCursors } from './scan-cursors.js';

/** Counters of the server, shown by INFO. */
export interface ServerStats {
  connectionsAccepted: number;
  connectionsRejected: number;
  commandsProcessed: number;
  errorReplies: number;
}

/** What commands see of the server. */
export interface ServerView {
  readonly router: Router;
  readonly limits: RespLimits;
  readonly port: number;
  readonly stats: ServerStats;
  /** Keyspaces by database number: the default one is 0, the others follow in topology order. */
  readonly databases: readonly Keyspace[];
  readonly scans: ScanCursors;
  clients(): Iterable<Client>;
  readonly clientCount: number;
  /** Called when a browser was led here; the log line is limited to one a minute (reliability.md §6.1). */
  warnCrossProtocol(client: Client): void;
}

/** What commands see and change of their connection. */
export interface Client {
  readonly id: number;
  readonly server: ServerView;
  readonly address: string;
  readonly localAddress: string;
  readonly connectedAtMs: number;
  readonly lastActiveMs: number;
  readonly version: number;
  readonly lastCommand: string;
  name: string;
  libName: string;
  libVersion: string;
  database: number;
  noEvict: boolean;
  /** After READONLY: reads are served by followers, too. */
  readOnly: boolean;
  /** Close when every reply so far was sent; read no further command. */
  closing: boolean;
  /** Close at once, without a reply. */
  killed: boolean;
  readonly queryBytes: number;
  readonly outputBytes: number;
}

/** The keyspace that the connection's commands go to. */
export function keyspaceOf(client: Client): Keyspace {
  return client.server.databases[client.database] ?? client.server.router.defaultKeyspace;
}
