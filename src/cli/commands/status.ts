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
const LINK_COLUMNS = [
  ['peer', 'peer'],
  ['address', 'address'],
  ['connected', 'connected'],
  ['queued bytes', 'queued_bytes'],
  ['reconnects', 'reconnects'],
] as const;

export function statusCommand(): Command {
  return clientCommand('status', 'Show a replica: roles, terms, leader, progress, peers; exit code 5 when not ready')
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
  printRecords(keyspaces, KEYSPACE_COLUMNS);
  process.stdout.write('\n');
  printRecords(keyspaces.map(membershipRow), MEMBER_COLUMNS);
  process.stdout.write('\n');
  printRecords(links, LINK_COLUMNS);
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
  const leaderless = keyspaces.filter(({ leader }) => leader === null).map(({ keyspace }) => String(keyspace));
  return leaderless.length === 0 ? 'see /readyz?verbose' : `no leader for ${leaderless.join(', ')}`;
}
