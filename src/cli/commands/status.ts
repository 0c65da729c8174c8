import type { Command } from 'commander';
import { ERRORS } from '../../base/errors/catalogue.js';
import { printJson } from '../output/json.js';
import { printTable } from '../output/table.js';
import { clientCommand, clientOf, wantsJson } from './client-command.js';

type Row = Readonly<Record<string, unknown>>;

/** The parts of GET /status that the tables show. */
interface StatusAnswer {
  readonly id: string;
  readonly cluster: string;
  readonly version: string;
  readonly uptime_ms: number;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly keyspaces: readonly Row[];
  readonly links: readonly Row[];
}

/** Heading and member of GET /status. */
const KEYSPACE_COLUMNS = [
  ['keyspace', 'keyspace'],
  ['engine', 'engine'],
  ['role', 'role'],
  ['term', 'term'],
  ['leader', 'leader'],
  ['commit', 'commit_index'],
  ['applied', 'applied_index'],
  ['revision', 'revision'],
  ['keys', 'keys'],
  ['reads', 'reads'],
] as const;
const MEMBER_COLUMNS = [
  ['keyspace', 'keyspace'],
  ['this replica', 'member'],
  ['voters', 'voters'],
  ['learners', 'learners'],
] as const;
/** Keyspaces without a leader, and how this replica sees their members. */
const LEADERLESS_COLUMNS = [
  ['keyspace', 'keyspace'],
  ['engine', 'engine'],
  ['state', 'state'],
  ['clock', 'clock'],
  ['keys', 'keys'],
  ['behind', 'lag'],
  ['stable', 'stable'],
  ['held up by', 'stable_blocked_by'],
  ['tombstones', 'tombstones'],
  ['overwritten', 'overwritten'],
  ['reads', 'reads'],
] as const;
/** Keyspaces with a write quorum: what a write takes, and a promotion. */
const QUORUM_COLUMNS = [
  ['keyspace', 'keyspace'],
  ['this replica', 'member'],
  ['write quorum', 'write_quorum'],
  ['followers', 'follower_count'],
  ['available', 'available'],
  ['promotion takes', 'promises'],
  ['may be gone', 'failover_tolerance'],
  ['stale ms', 'staleness_ms'],
] as const;
const FOLLOWER_COLUMNS = [
  ['keyspace', 'keyspace'],
  ['follower', 'id'],
  ['state', 'state'],
  ['on its disk', 'durable'],
  ['lag', 'lag'],
  ['silent ms', 'silent_ms'],
] as const;
const PEER_COLUMNS = [
  ['keyspace', 'keyspace'],
  ['peer', 'id'],
  ['alive', 'alive'],
  ['phi', 'phi'],
  ['lacks of ours', 'lag'],
  ['heard ms ago', 'last_heard_ms'],
  ['syncing', 'syncing'],
] as const;
const LINK_COLUMNS = [
  ['peer', 'peer'],
  ['address', 'address'],
  ['connected', 'connected'],
  ['queued bytes', 'queued_bytes'],
  ['reconnects', 'reconnects'],
] as const;

export function statusCommand(): Command {
  return clientCommand(
    'status',
    'Show a replica: roles, leader, clocks, keys, progress, peers; exit code 5 when not ready',
  )
    .addHelpText('after', '\nExamples:\n  $ kvorum status\n  $ kvorum status --node http://127.0.0.1:8102 -o json')
    .action(async (_flags: unknown, command: Command) => {
      const answer = await clientOf(command).status();
      const status = answer as unknown as StatusAnswer;
      if (wantsJson(command)) printJson(answer);
      else printStatus(status);
      if (status.ready) return;
      process.stderr.write(`replica ${status.id} is not ready: ${reasonOf(status)}\n`);
      process.exitCode = ERRORS.no_leader.exit;
    });
}

function printStatus({
  cluster,
  draining,
  id,
  keyspaces,
  links,
  ready,
  uptime_ms: uptimeMs,
  version,
}: StatusAnswer): void {
  const state = draining ? 'draining' : ready ? 'ready' : 'not ready';
  const uptime = `${Math.round(uptimeMs / 1000)} s`;
  process.stdout.write(`replica ${id} · cluster ${cluster} · ${state} · up ${uptime} · kvorum ${version}\n\n`);
  const leaderless = keyspaces.filter(isLeaderless);
  const led = keyspaces.filter((keyspace) => !isLeaderless(keyspace));
  printSection(led, KEYSPACE_COLUMNS);
  const quorums = led.filter(hasQuorum);
  const voting = led.filter((keyspace) => !hasQuorum(keyspace));
  printSection(voting.map(membershipRow), MEMBER_COLUMNS);
  printSection(quorums, QUORUM_COLUMNS);
  printSection(quorums.flatMap(followerRows), FOLLOWER_COLUMNS);
  printSection(leaderless.map(leaderlessRow), LEADERLESS_COLUMNS);
  printSection(leaderless.flatMap(peerRows), PEER_COLUMNS);
  printRecords(links, LINK_COLUMNS);
}

/** What there is none of is not shown. */
function printSection(records: readonly Row[], columns: readonly (readonly [string, string])[]): void {
  if (records.length === 0) return;
  printRecords(records, columns);
  process.stdout.write('\n');
}

function isLeaderless({ clock }: Row): boolean {
  return clock !== undefined;
}

function hasQuorum({ write_quorum: writeQuorum }: Row): boolean {
  return writeQuorum !== undefined;
}

/** Known to the leader only. */
function followerRows({ followers, keyspace }: Row): Row[] {
  return Array.isArray(followers) ? (followers as readonly Row[]).map((follower) => ({ keyspace, ...follower })) : [];
}

function leaderlessRow(row: Row): Row {
  const { stable_blocked_by: blockers } = row;
  return { ...row, stable_blocked_by: Array.isArray(blockers) ? blockers.join(' ') || null : null };
}

function peerRows({ keyspace, peers }: Row): Row[] {
  return Array.isArray(peers) ? (peers as readonly Row[]).map((peer) => ({ keyspace, ...peer })) : [];
}

/** Voters that a change under way takes out are in brackets. */
function membershipRow({ keyspace, member, membership }: Row): Row {
  const { learners = [], outgoing = [], voters = [] } = (membership ?? {}) as Partial<Row>;
  const list = (ids: unknown): string[] => (Array.isArray(ids) ? ids.map(String) : []);
  const leaving = list(outgoing).filter((id) => !list(voters).includes(id));
  const voting = [...list(voters), ...leaving.map((id) => `(${id})`)];
  return { keyspace, member, voters: voting.join(' ') || null, learners: list(learners).join(' ') || null };
}

function printRecords(records: readonly Row[], columns: readonly (readonly [string, string])[]): void {
  printTable(
    columns.map(([heading]) => heading),
    records.map((record) => columns.map(([, member]) => cell(record[member]))),
  );
}

function cell(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '-' : JSON.stringify(value);
}

function reasonOf({ draining, keyspaces }: StatusAnswer): string {
  if (draining) return 'it is shutting down';
  const outside = keyspaces.filter(({ member }) => member === null || member === 'removed');
  if (outside.length > 0) return `it is no member of ${outside.map(({ keyspace }) => String(keyspace)).join(', ')}`;
  const waiting = keyspaces.filter((row) => isLeaderless(row) && row['state'] !== 'ready');
  if (waiting.length > 0)
    return waiting.map(({ keyspace, state }) => `${String(keyspace)} is ${String(state)}`).join(', ');
  const headless = keyspaces.filter((row) => !isLeaderless(row) && row['leader'] === null);
  const names = headless.map(({ keyspace }) => String(keyspace));
  return names.length === 0 ? 'see /readyz?verbose' : `no leader for ${names.join(', ')}`;
}
