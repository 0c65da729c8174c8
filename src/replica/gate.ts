import type { ReplicaId } from '../base/brand.js';
import { KvorumError } from '../base/errors/error.js';
import type { Logger } from '../base/logger.js';
import type { Topology } from '../config/topology.js';
import { UNKNOWN_MEMBERSHIP, votersOnly, type Membership } from '../engines/raft/membership.js';
import type { FormingFolder, Storage } from '../storage/storage.js';
import type { AdmissionRefusal, FormationMessage, Transport, VouchedMember } from '../transport/transport.js';
import { Formation } from './formation.js';
import { admission, isRemoved, peersToDial, type KnownPeers } from './peers.js';
import type { HealthCheck } from './router.js';
import { sameMembers, vouchedMembers, Vouches } from './vouching.js';

export interface GateOptions {
  readonly topology: Topology;
  readonly self: ReplicaId;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly logger: Logger;
  /** Of all groups: what is in force, and what is committed. */
  memberships(): readonly Membership[];
  /** Of all groups: what is committed. */
  committed(): readonly Membership[];
  /** The cluster is formed: the groups begin with this membership. Called at most once, and not when it was before. */
  onFormed(membership: Membership): void;
  /** Others are vouched for: `onMembership` is to be called, when nothing else is under way. */
  onVouched(): void;
}

/** Requests that come while the first replicas find each other wait; after this long they are told what is missing. */
const PATIENCE_MS = 1000;

/**
 * Who takes part: whether this replica does (the cluster is formed, or it joins one), and which others may speak to it.
 * Nothing of the groups' protocol passes while the gate is shut (raft.md M4, M5).
 */
export class ClusterGate {
  readonly #options: GateOptions;
  /**
   * Null for a replica that keeps nothing, as it has no past that it could contradict; and where nobody votes: a folder
   * that was wiped comes back as another origin (ap.md §1.0.1), and may, whatever it has forgotten.
   */
  readonly #formation: Formation | null;
  /** What others hold against this replica. */
  readonly #refusals = new Map<ReplicaId, { readonly code: string; readonly text: string }>();
  /**
   * Folders that members came with for which the membership names none: learners, until they are promoted, and voters
   * from before there was a formation. What a leader knows of a member's log is of the disk that it saw, so one that comes
   * with another disk is refused all the same (raft.md M4, M6).
   */
  readonly #seen = new Map<ReplicaId, string>();
  /** What others say about ids that this replica knows nothing of. */
  readonly #vouches = new Vouches();
  /** Whom this replica vouches for, as it was told last, and peers that have not been told of it yet. */
  #told: readonly VouchedMember[] = [];
  readonly #untold = new Set<ReplicaId>();
  #open: boolean;
  #startedMs = 0;
  #nowMs = 0;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #logged = '';

  constructor(options: GateOptions) {
    this.#options = options;
    const { self, storage, topology } = options;
    const joining = topology.replicas.some((replica) => replica.id === self && replica.joining);
    const { folder, formation: record } = storage;
    const first = firstOf(topology);
    const forms = folder !== null && votes(topology);
    this.#formation = !forms
      ? null
      : new Formation({ self, folder, first, joining: record?.joining ?? joining, record });
    this.#open = this.#formation?.done ?? true;
  }

  /** True once members may tick, send and receive. */
  get open(): boolean {
    return this.#open;
  }

  /** What groups begin with that have nothing on disk. */
  get membership(): Membership {
    const { self, topology } = this.#options;
    const formation = this.#formation;
    const first = firstOf(topology);
    if (formation === null) return first.includes(self) ? votersOnly(first) : UNKNOWN_MEMBERSHIP;
    if (!this.#open || formation.joined) return UNKNOWN_MEMBERSHIP;
    return membershipOf(inOrder(formation.prepared, topology));
  }

  /** When the transport has started. Throws storage_failed. */
  start(nowMs: number): void {
    this.#startedMs = this.#nowMs = nowMs;
    this.#warnOfOthers();
    this.#advance(nowMs);
  }

  #warnOfOthers(): void {
    const { logger, topology } = this.#options;
    const formed = this.#formation?.prepared.map(({ id }) => id) ?? [];
    const first = firstOf(topology);
    if (formed.length === 0 || (first.length === formed.length && first.every((id) => formed.includes(id)))) return;
    logger.warn('topology_differs', {
      formed,
      topology: first,
      detail:
        'The topology lists other first replicas than the cluster was formed with. Members are changed with ' +
        '`kvorum member`; the topology only tells addresses. Mark replicas that came later with joining: true',
    });
  }

  /** Once per tick. */
  onTick(nowMs: number): void {
    this.#nowMs = nowMs;
    if (!this.#open && nowMs - this.#saidAtMs >= this.#options.topology.timing.heartbeatMs) this.#tellAll(nowMs);
    if (this.#open) this.#tellUntold();
  }

  /** Throws storage_failed. */
  onFormation(message: FormationMessage, nowMs: number): void {
    const formation = this.#formation;
    if (formation === null) return;
    formation.onMessage(message);
    this.#advance(nowMs);
    // Afterwards, since the same word may have formed the cluster here: nobody is vouched for before it is (raft.md M4).
    const { from: by, members } = message;
    if (this.hears(by) && this.#vouches.hear({ by, members })) this.#options.onVouched();
    const asked = !message.formed && formation.done && !formation.joined;
    if (asked) this.#tell(formation, by);
  }

  onPeerUp(peer: ReplicaId): void {
    this.#refusals.delete(peer);
    // Before anything else on this link: what comes from a replica that is not known to belong to us is not heard.
    if (this.#formation !== null && !this.#tell(this.#formation, peer)) this.#untold.add(peer);
  }

  onPeerDown(peer: ReplicaId): void {
    this.#formation?.onPeerDown(peer);
  }

  /** Throws storage_failed. */
  onRefused(by: ReplicaId, code: string, text: string): void {
    if (this.#refusals.get(by)?.text === text) return;
    this.#refusals.set(by, { code, text });
    if (code === 'unknown_replica') return; // It waits to be added, perhaps.
    this.#options.logger.error('refused_by_peer', { peer: by, code, detail: text });
    if (code !== 'foreign_folder' && code !== 'removed_replica') return;
    this.#formation?.onRefused(text);
    this.#advance(this.#nowMs);
  }

  admits(peer: string, folder: string | null): AdmissionRefusal | null {
    const refusal = admission(peer, folder, this.#known);
    if (refusal === null && folder !== null && this.#isMember(peer)) this.#seen.set(peer as ReplicaId, folder);
    if (this.#open || this.#formation === null) return refusal;
    const met = refusal === 'unknown_replica' || this.#formation.meets(peer as ReplicaId, folder);
    this.#report();
    return refusal ?? (met ? null : 'foreign_folder');
  }

  /** Another membership is in force or committed in some group, or others are vouched for. */
  onMembership(): void {
    const { self, transport } = this.#options;
    const known = this.#known;
    this.#vouches.forget((by) => isRemoved(by, known));
    const peers = peersToDial(self, known);
    transport.setPeers(peers);
    const members = this.#vouchedFor;
    if (!this.#open || sameMembers(members, this.#told)) return;
    this.#told = members;
    for (const { id } of peers) this.#untold.add(id);
    this.#tellUntold();
  }

  /** Whether the groups' messages of this peer are heard. */
  hears(peer: ReplicaId): boolean {
    if (!this.#open) return false;
    return this.#formation?.hears(peer, this.#options.transport.folderOf(peer)) ?? true;
  }

  #isMember(peer: string): boolean {
    return this.#options.memberships().some(({ members }) => members.some(({ id }) => id === peer));
  }

  get #known(): KnownPeers {
    const seen = [...this.#seen].map(([id, folder]) => ({ id, folder }));
    const folders = [...(this.#formation?.prepared ?? []), ...seen];
    const memberships = this.#options.memberships();
    return { topology: this.#options.topology, folders, memberships, vouches: this.#vouches.list };
  }

  /** Why requests cannot be served: the cluster is not formed, and will not be within a moment. Null otherwise. */
  get unformed(): KvorumError | null {
    if (this.#open) return null;
    const soon = this.#nowMs - this.#startedMs < PATIENCE_MS && this.#formation?.trouble === null;
    return soon ? null : new KvorumError('no_leader', `The cluster is not formed yet: ${this.#detail()}`);
  }

  checks(): readonly HealthCheck[] {
    const refused = [...this.#refusals.values()].filter(({ code }) => code !== 'unknown_replica');
    const formed = this.#open && (this.#formation?.trouble ?? null) === null;
    return [
      { name: 'formation', ok: formed, detail: formed ? this.#state : this.#detail() },
      { name: 'admission', ok: refused.length === 0, detail: refused[0]?.text ?? 'no peer refuses this replica' },
    ];
  }

  get #state(): string {
    if (this.#formation === null) {
      const why = votes(this.#options.topology) ? 'nothing is kept' : 'no keyspace votes';
      return `${why}, so nothing is to be agreed`;
    }
    return this.#formation.joined ? 'joins a cluster that exists' : 'formed';
  }

  #detail(): string {
    const { missing = [], trouble = null } = this.#formation ?? {};
    const waits = `waiting for ${missing.join(', ')}`;
    if (missing.length === 0) return trouble ?? 'nothing is missing';
    return trouble === null ? waits : `${trouble} (${waits})`;
  }

  /** Makes durable what there is to be made, then tells everybody. */
  #advance(nowMs: number): void {
    const { logger, storage } = this.#options;
    const formation = this.#formation;
    if (formation === null) return;
    let changed = false;
    for (let record = formation.next(); record !== null; record = formation.next()) {
      storage.recordFormation(record);
      formation.onRecorded(record);
      changed = true;
    }
    this.#report();
    if (changed && !this.#open) this.#tellAll(nowMs);
    if (this.#open || !formation.done) return;
    this.#open = true;
    logger.info('cluster_formed', { replicas: formation.prepared, joining: formation.joined });
    this.#options.onFormed(this.membership);
  }

  #tellAll(nowMs: number): void {
    const formation = this.#formation;
    if (formation === null || formation.joined) return;
    this.#saidAtMs = nowMs;
    const { self, topology } = this.#options;
    for (const { id } of topology.replicas) if (id !== self) this.#tell(formation, id);
  }

  /** Peers that are not connected are told when they are; where the queue is full, it is tried again. */
  #tellUntold(): void {
    const formation = this.#formation;
    for (const peer of this.#untold) {
      const over = formation === null || !this.#options.transport.isUp(peer);
      if (over || this.#tell(formation, peer)) this.#untold.delete(peer);
    }
  }

  #tell(formation: Formation, to: ReplicaId): boolean {
    const members = this.#open ? this.#vouchedFor : [];
    return this.#options.transport.sendFormation({ ...formation.tell(to), members });
  }

  /** Whom this replica vouches for. */
  get #vouchedFor(): readonly VouchedMember[] {
    return vouchedMembers(this.#options.committed(), this.#options.topology);
  }

  /** Logs why the cluster is not formed, once for every reason. */
  #report(): void {
    const trouble = this.#formation?.trouble ?? null;
    if (trouble === null || trouble === this.#logged) return;
    this.#logged = trouble;
    this.#options.logger.error('formation_blocked', { detail: trouble });
  }
}

/** True when a keyspace decides by votes, which a replica must never forget or give twice. */
function votes({ keyspaces }: Pick<Topology, 'keyspaces'>): boolean {
  return keyspaces.some(({ engine }) => engine === 'raft' || engine === 'semisync');
}

function firstOf({ replicas }: Pick<Topology, 'replicas'>): readonly ReplicaId[] {
  return replicas.filter(({ joining }) => !joining).map(({ id }) => id);
}

/** In the topology's order, as far as it knows them: groups are the same on every replica. */
function inOrder(list: readonly FormingFolder[], { replicas }: Pick<Topology, 'replicas'>): readonly FormingFolder[] {
  const place = (id: ReplicaId): number => {
    const at = replicas.findIndex((replica) => replica.id === id);
    return at < 0 ? replicas.length : at;
  };
  return [...list].sort((a, b) => place(a.id) - place(b.id));
}

function membershipOf(list: readonly FormingFolder[]): Membership {
  const { members, ...rest } = votersOnly(list.map(({ id }) => id));
  const folders = new Map(list.map(({ id, folder }) => [id, folder]));
  return { ...rest, members: members.map((info) => ({ ...info, folder: folders.get(info.id) ?? null })) };
}
