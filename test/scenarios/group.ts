import { assertDefined } from '../../src/base/assert.js';
import { logIndex, type LogIndex, type ReplicaId, type Term } from '../../src/base/brand.js';
import { createPrng } from '../../src/base/prng.js';
import type { HardState, RaftEffects, RaftEvent, RaftOptions } from '../../src/engines/raft/events.js';
import { createRaft, type Raft } from '../../src/engines/raft/index.js';
import {
  UNKNOWN_MEMBERSHIP,
  votersOnly,
  type MembershipPair,
  type PlacedMembership,
} from '../../src/engines/raft/membership.js';
import type { Entry, RaftMessage } from '../../src/engines/raft/messages.js';
import { membershipCodec } from '../../src/wire/membership-codec.js';
import { entryText, hardStateText, membershipText, messageText, roleText } from './describe.js';

/** What a crash leaves of a member. */
interface Disk {
  hardState: HardState | null;
  memberships: MembershipPair | null;
  baseIndex: number;
  baseTerm: number;
  entries: Entry[];
  checkpoint: { readonly index: number; readonly term: number; readonly membership: PlacedMembership } | null;
}

/** Something that the disk has been asked for, and what follows when it is done. */
interface Write {
  readonly text: string;
  run(): void;
  done(): void;
}

interface Node {
  readonly id: ReplicaId;
  readonly disk: Disk;
  raft: Raft;
  alive: boolean;
  /** Writes wait for `sync` instead of being done at once. */
  slow: boolean;
  writes: Write[];
  applied: number;
}

export interface MemberSpec {
  readonly id: string;
  /** Terms of the entries that it has on its disk already. */
  readonly terms: readonly number[];
  /** The term that it is in; by default that of its last entry. */
  readonly term?: number | undefined;
  /** Does not belong to the group yet. */
  readonly joining?: boolean;
}

const LIMITS: RaftOptions['limits'] = {
  appendEntries: 4,
  appendBytes: 4096,
  inflightMessages: 3,
  inflightBytes: 4096,
  uncommittedBytes: 64 * 1024,
  pendingReads: 16,
  forwardedProposals: 16,
};

/** Ticks: an election timeout is 10 to 20 of them, a heartbeat 3. */
const ELECTION_TICKS = [10, 20] as const;
const HEARTBEAT_TICKS = 3;

/**
 * A group in which nothing happens by itself: messages wait until they are delivered, disks may be told to wait. What
 * happens is told line by line.
 */
export class Group {
  readonly nodes = new Map<string, Node>();
  readonly #formed: readonly ReplicaId[];
  #wire: RaftMessage[] = [];
  #lines: string[] = [];
  #quiet = false;
  #nextId = 1;
  #nextStream = 1;
  readonly #cuts = new Set<string>();
  readonly #leaseReads: boolean;

  constructor(members: readonly MemberSpec[], options: { readonly leaseReads?: boolean } = {}) {
    this.#leaseReads = options.leaseReads ?? false;
    this.#formed = members.filter(({ joining }) => joining !== true).map(({ id }) => id as ReplicaId);
    for (const member of members) this.#add(member);
  }

  #add({ id, joining, term, terms }: MemberSpec): void {
    const last = term ?? terms.at(-1);
    const disk: Disk = {
      hardState: last === undefined ? null : { term: last as Term, vote: null, commit: logIndex(0) },
      memberships: null,
      baseIndex: 0,
      baseTerm: 0,
      entries: terms.map((entryTerm, at) => ({
        index: logIndex(at + 1),
        term: entryTerm as Term,
        kind: 'commands',
        payload: Buffer.from(`w${at + 1}`), // The same everywhere: (index, term) names one entry.
      })),
      checkpoint: null,
    };
    const raft = this.#create(id as ReplicaId, disk, joining === true);
    this.nodes.set(id, { id: id as ReplicaId, disk, raft, alive: true, slow: false, writes: [], applied: 0 });
  }

  #create(id: ReplicaId, disk: Disk, joining: boolean): Raft {
    const { baseIndex, baseTerm, checkpoint, entries, hardState, memberships } = disk;
    return createRaft({
      self: id,
      membership: joining ? UNKNOWN_MEMBERSHIP : votersOnly(this.#formed),
      codec: membershipCodec,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      diskStallTicks: 1000,
      leaseReads: this.#leaseReads,
      prng: createPrng(id.charCodeAt(0)),
      limits: LIMITS,
      recovered: {
        hardState,
        baseIndex: logIndex(baseIndex),
        baseTerm: baseTerm as Term,
        entries: [...entries],
        appliedIndex: logIndex(checkpoint?.index ?? 0),
        appliedTerm: (checkpoint?.term ?? 0) as Term,
        ...(checkpoint === null ? {} : { membership: checkpoint.membership }),
        ...(memberships === null ? {} : { memberships }),
      },
    });
  }

  node(id: string): Node {
    return assertDefined(this.nodes.get(id), `there is a member ${id}`);
  }

  /** The lines since the last call. */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  say(line: string): void {
    this.#lines.push(line);
  }

  // --- what a script can do ---------------------------------------------------------------------------------------

  step(id: string, event: RaftEvent): void {
    const node = this.node(id);
    if (!node.alive) return;
    node.raft.step(event);
    this.#drain(node);
  }

  tick(id: string, count: number): void {
    for (let tick = 0; tick < count; tick++) this.step(id, { type: 'tick' });
  }

  /** Lets `id` wait until it campaigns, or no longer than the longest election timeout. */
  campaign(id: string): void {
    for (let tick = 0; tick <= ELECTION_TICKS[1] && this.node(id).raft.role === 'follower'; tick++) this.tick(id, 1);
  }

  nextId(): number {
    return this.#nextId++;
  }

  /** Messages under way that match, oldest first. */
  matching(from: string | null, to: string | null, type: string | null): RaftMessage[] {
    return this.#wire.filter(
      (message) =>
        (from === null || message.from === from) &&
        (to === null || message.to === to) &&
        (type === null || message.type === type),
    );
  }

  deliver(message: RaftMessage): void {
    this.#wire.splice(this.#wire.indexOf(message), 1);
    const node = this.nodes.get(message.to);
    if (node?.alive !== true || this.#isCut(message)) {
      this.#tell(`${message.from} → ${message.to}: lost: ${messageText(message)}`);
      return;
    }
    this.#tell(`${message.from} → ${message.to}: ${messageText(message)}`);
    this.step(message.to, { type: 'message', message });
    if (message.type === 'snapshotChunkResponse') {
      const index = node.disk.checkpoint?.index ?? 0;
      this.step(message.to, { type: 'snapshotSent', peer: message.from, index: logIndex(index), ok: message.ok });
    }
  }

  drop(message: RaftMessage): void {
    this.#wire.splice(this.#wire.indexOf(message), 1);
    this.#tell(`${message.from} → ${message.to}: lost: ${messageText(message)}`);
  }

  /** Another copy of a message that is under way: it arrives later as well. */
  copy(message: RaftMessage): void {
    this.#wire.push(message);
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  #isCut({ from, to }: RaftMessage): boolean {
    return this.#cuts.has(`${from} ${to}`);
  }

  /** The oldest write that waits is done. */
  sync(id: string, tell = true): void {
    const node = this.node(id);
    const write = node.writes.shift();
    if (write === undefined) return;
    if (tell) this.#tell(`${id}: on disk: ${write.text}`);
    write.run();
    write.done();
  }

  /** Delivers and syncs until nothing is under way. Quietly: only what changes is told, not the messages. */
  settle(quiet: boolean): void {
    this.#quiet = quiet;
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const busy = [...this.nodes.values()].find((node) => node.alive && !node.slow && node.writes.length > 0);
      const message = this.#wire[0];
      if (busy !== undefined) this.sync(busy.id, false);
      else if (message !== undefined) this.deliver(message);
      else break;
    }
    this.#quiet = false;
  }

  crash(id: string): void {
    const node = this.node(id);
    node.alive = false;
    node.writes = [];
    this.#wire = this.#wire.filter(({ to }) => to !== id);
  }

  restart(id: string): void {
    const node = this.node(id);
    node.alive = true;
    node.writes = [];
    node.applied = node.disk.checkpoint?.index ?? 0;
    node.raft = this.#create(node.id, node.disk, !this.#formed.includes(node.id));
    this.#tell(`${id}: ${roleText(node.raft.status())}, last ${this.lastOf(node)}`);
    this.#drain(node);
  }

  lastOf({ raft }: Node): string {
    return `${raft.lastIndex}/${raft.termOf(raft.lastIndex) ?? '?'}`;
  }

  /** Writes a checkpoint at what is applied, and forgets the log up to there. */
  checkpoint(id: string): void {
    const node = this.node(id);
    const index = node.applied as LogIndex;
    const term = assertDefined(node.raft.termOf(index), 'what is applied is in the log');
    node.disk.checkpoint = { index, term, membership: node.raft.membershipAt(index) };
    this.#cutDisk(node, index, term);
    this.step(id, { type: 'checkpointed', index, cutIndex: index });
  }

  // --- what a driver does -----------------------------------------------------------------------------------------

  #tell(line: string): void {
    if (!this.#quiet || !line.includes('→')) this.#lines.push(line);
  }

  #drain(node: Node): void {
    while (node.raft.hasEffects) {
      const effects = node.raft.drain();
      node.raft.checkInvariants();
      this.#take(node, effects);
    }
  }

  #take(node: Node, effects: RaftEffects): void {
    const { id } = node;
    if (effects.changed !== null) this.#lines.push(`${id}: ${roleText(effects.changed)}`);
    if (effects.membership !== null) {
      this.#lines.push(`${id}: members {${membershipText(effects.membership.membership)}}`);
    }
    this.#wire.push(...effects.messages);
    this.#persist(node, effects);
    for (const { accepted, id: proposal, refused } of [...effects.proposals, ...effects.membershipOutcomes]) {
      const what = accepted === null ? `refused: ${refused}` : `at ${accepted.index}/${accepted.term}`;
      this.#lines.push(`${id}: request ${proposal} is ${what}`);
    }
    for (const { id: read, index, refused } of effects.reads) {
      this.#lines.push(
        `${id}: read ${read} ${index === null ? `is refused: ${refused}` : `may be served at ${index}`}`,
      );
    }
    this.#apply(node, effects.committed);
    for (const { to, term } of effects.sendSnapshots) this.#sendSnapshot(node, to, term);
    for (const chunk of effects.snapshotChunks) this.#install(node, chunk);
  }

  #persist(node: Node, { afterPersist, persist }: RaftEffects): void {
    const send = (): void => {
      this.#wire.push(...afterPersist);
    };
    if (persist === null && (node.writes.length === 0 || afterPersist.length === 0)) {
      send();
      return;
    }
    const parts = persist === null ? ['nothing new'] : persist.entries.map(entryText);
    if (persist?.hardState) parts.unshift(hardStateText(persist.hardState));
    node.writes.push({
      text: parts.join('; '),
      run: () => {
        if (persist === null) return;
        node.disk.hardState = persist.hardState ?? node.disk.hardState;
        node.disk.memberships = persist.memberships ?? node.disk.memberships;
        this.#writeEntries(node.disk, persist.entries);
      },
      done: () => {
        send();
        if (persist !== null) this.step(node.id, { type: 'persisted', batch: persist.batch });
      },
    });
  }

  #writeEntries(disk: Disk, entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    disk.entries.length = first.index - disk.baseIndex - 1;
    disk.entries.push(...entries);
  }

  #apply(node: Node, committed: readonly Entry[]): void {
    const entries = committed.filter(({ index }) => index > node.applied);
    const last = entries.at(-1);
    if (last === undefined) return;
    this.#lines.push(`${node.id}: commits ${entries.map(entryText).join(', ')}`);
    node.applied = last.index;
    node.raft.step({ type: 'applied', index: last.index });
  }

  #sendSnapshot(node: Node, to: ReplicaId, term: Term): void {
    const { index, term: indexTerm } = assertDefined(node.disk.checkpoint, 'what was cut is in a checkpoint');
    const streamId = this.#nextStream++;
    const position = { index: logIndex(index), indexTerm: indexTerm as Term, sequence: 0, last: true };
    const data = new Uint8Array(0);
    this.#wire.push({ type: 'snapshotChunk', from: node.id, to, term, streamId, ...position, data });
  }

  #install(node: Node, chunk: Extract<RaftMessage, { type: 'snapshotChunk' }>): void {
    const { from, index, indexTerm, sequence, streamId, term, to } = chunk;
    const source = assertDefined(this.node(from).disk.checkpoint, 'the sender has a checkpoint');
    node.writes.push({
      text: `snapshot at ${index}/${indexTerm}`,
      run: () => {
        node.disk.checkpoint = { index, term: indexTerm, membership: source.membership };
        this.#cutDisk(node, index, indexTerm);
        node.applied = index;
      },
      done: () => {
        this.#lines.push(`${node.id}: state as of ${index}/${indexTerm}`);
        const { membership } = source;
        this.step(node.id, { type: 'snapshotInstalled', from, index, indexTerm, membership });
        this.#wire.push({ type: 'snapshotChunkResponse', from: to, to: from, term, streamId, sequence, ok: true });
      },
    });
  }

  #cutDisk({ disk }: Node, index: number, term: number): void {
    const known = index === disk.baseIndex ? disk.baseTerm : disk.entries[index - disk.baseIndex - 1]?.term;
    disk.entries = known === term ? disk.entries.slice(index - disk.baseIndex) : [];
    disk.baseIndex = index;
    disk.baseTerm = term;
  }
}
