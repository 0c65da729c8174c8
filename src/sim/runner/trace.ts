import { parseOriginLog } from '../../base/brand.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { RaftMember } from '../../replica/raft/member.js';
import type { Observer, SimProcess, VirtualTime } from '../world/types.js';

interface Shown {
  readonly role: string;
  readonly term: number;
  readonly commit: number;
  readonly voters: string;
}

/** Tells what happens in a run, one line per event that somebody who debugs wants to see. */
export class Trace {
  readonly #print: (line: string) => void;
  #time: VirtualTime | null = null;
  readonly #shown = new Map<string, Shown>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Set before anything is told. */
  use(time: VirtualTime): void {
    this.#time = time;
  }

  tell(who: string, what: string): void {
    const at = this.#time?.nowMs ?? 0;
    this.#print(
      `${at.toFixed(3).padStart(11)} ${String(this.#time?.events ?? 0).padStart(7)} ${who.padEnd(8)} ${what}`,
    );
  }

  get observer(): Observer {
    return {
      onStarted: (process, recovered) => {
        const [group] = recovered.values();
        const log = group === undefined ? 'an empty log' : `entries to ${group.baseIndex + group.entries.length}`;
        this.tell(process.id, `starts with ${log}, term ${group?.hardState?.term ?? 0}`);
      },
      onCrashed: (process) => {
        this.#shown.delete(process.id);
        const { failure } = process;
        this.tell(process.id, failure === null ? 'is killed' : `stops: ${failure.code}: ${failure.detail}`);
      },
      onWiped: (process) => this.tell(process.id, 'gets an empty disk'),
      onRolledBack: (process) => this.tell(process.id, 'gets back an older copy of its folder'),
      onDurable: (process, records) => this.tell(process.id, `durable: ${records.map(describeRecord).join(', ')}`),
      onMessage: (process, _group, message) => this.tell(process.id, `-> ${message.to} ${describeMessage(message)}`),
      onDelivered: (process, _group, batch) => {
        const { boot, commands, counter } = batch;
        this.tell(process.id, `delivers ${describeValue(batch)} boot ${boot} counter ${counter} (${commands})`);
      },
      onDiscarded: (process, _group, { certain, entries, epoch }) =>
        this.tell(
          process.id,
          `discards ${entries.length} from ${entries[0]?.index ?? 0} for epoch ${epoch}${certain ? '' : ', perhaps'}`,
        ),
      onApplied: (process, _group, { index, kind, term }) => this.tell(process.id, `applies ${index}@${term} ${kind}`),
      onCheckpoint: (process, _group, { index, term }, installed) =>
        this.tell(process.id, `${installed ? 'installs a snapshot' : 'has a checkpoint'} at ${index}@${term}`),
      onCheckpointFound: (process, _group, { index, term }) =>
        this.tell(process.id, `finds a checkpoint at ${index}@${term}`),
      onTurn: (process) => this.#onTurn(process),
      onAcknowledged: (process, revision) => this.tell(process.id, `acknowledges revision ${revision}`),
      onRead: (process, revision, floor) => this.tell(process.id, `serves a read at ${revision} (floor ${floor})`),
    };
  }

  #onTurn({ id, member, semisync }: SimProcess): void {
    const core = member?.raft ?? semisync?.core ?? null;
    if (core === null) return;
    const { commitIndex: commit, role, term } = core;
    const shown = { role, term, commit, voters: member === null ? 'those it was formed with' : votersOf(member) };
    const before = this.#shown.get(id);
    this.#shown.set(id, shown);
    if (before?.role !== role || before.term !== term) this.tell(id, `is ${role} in term ${term}`);
    if (before?.commit !== commit) this.tell(id, `commits ${commit}`);
    if (before?.voters !== shown.voters) this.tell(id, `voters ${shown.voters}`);
  }
}

function votersOf({ raft }: RaftMember): string {
  const { outgoing, voters } = raft.membership.membership;
  return voters.join(',') + (outgoing.length === 0 ? '' : ` (${outgoing.join(',')})`);
}

type DurableRecord = Parameters<NonNullable<Observer['onDurable']>>[1][number];

function describeRecord(record: DurableRecord): string {
  const origin = parseOriginLog(record.group)?.origin;
  const log = origin === undefined ? '' : `${shortOrigin(origin)} `;
  if (record.kind === 'hardState') return `term ${record.hardState.term} vote ${record.hardState.vote ?? '-'}`;
  const at = record.kind === 'entry' ? record.entry : record;
  return `${log}${record.kind === 'entry' ? '' : `${record.kind} `}${at.index}@${at.term}`;
}

function describeMessage(message: EngineMessage): string {
  const { from: _from, to: _to, type, ...rest } = message;
  const parts = Object.entries(rest).map(([name, value]) => {
    if (name === 'entries') return `entries=${(value as readonly unknown[]).length}`;
    return `${name}=${describeValue(value)}`;
  });
  return `${type} ${parts.join(' ')}`;
}

function describeValue(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length}B`;
  if (Array.isArray(value)) return `[${value.map(describeValue).join(' ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const { origin, seq, counter, hash } = value as Readonly<Record<string, unknown>>;
  if (typeof origin === 'string') return `${shortOrigin(origin)}:${String(seq ?? counter)}`;
  return typeof hash === 'string' ? hash.slice(0, 8) : JSON.stringify(value);
}

/** The digits of an incarnation in which those of one run differ. */
const INCARNATION_SHOWN = 6;

function shortOrigin(origin: string): string {
  const at = origin.lastIndexOf('~');
  return `${origin.slice(0, at)}~${origin.slice(-INCARNATION_SHOWN)}`;
}
