import { assert } from '../base/assert.js';
import type { ReplicaId } from '../base/brand.js';
import type { FormationRecord, FormingFolder } from '../storage/storage.js';
import type { FormationMessage } from '../transport/transport.js';

export interface FormationOptions {
  readonly self: ReplicaId;
  /** Names this replica's data folder. */
  readonly folder: string;
  /** Those that the cluster is to be formed of, as the topology says: the same list on every one of them. */
  readonly first: readonly ReplicaId[];
  /** This replica was not among the first. */
  readonly joining: boolean;
  /** What the folder remembers. */
  readonly record: FormationRecord | null;
}

/** Whom a replica vouches for has no part in forming: that is the gate's business. */
export type FormationWord = Omit<FormationMessage, 'members'>;
type Said = Pick<FormationWord, 'replicas' | 'prepared' | 'formed'>;

const REMEDY =
  'remove it with `kvorum member remove` and add a replica under a new id; or, if the cluster has never served ' +
  'anything, stop all replicas and delete their data folders';

/**
 * How the first replicas of a cluster agree that it exists (Formation in peer.proto; DESIGN.md has the argument). Pure:
 * it is told what peers say and what has become durable, and tells what must become durable next. Nobody is told of
 * anything before it is durable.
 */
export class Formation {
  readonly #options: FormationOptions;
  #record: FormationRecord | null;
  /** The last word of each peer. Bounded: only replicas that were admitted speak. */
  readonly #heard = new Map<ReplicaId, Said>();
  /** Peers that came with another folder than the one that was prepared with. */
  readonly #foreign = new Set<ReplicaId>();
  /** What a member said when it turned this folder away. */
  #refused: string | null;

  constructor(options: FormationOptions) {
    this.#options = options;
    const { folder, joining, record, self } = options;
    this.#record = record;
    this.#refused = record?.refused ?? null;
    const own = record?.prepared.find(({ id }) => id === self);
    const named = own === undefined ? (record?.prepared.length ?? 0) === 0 : [folder, null].includes(own.folder);
    assert(named, 'a replica prepares only lists that name its own folder');
    assert(joining || options.first.includes(self), 'a replica is among the first, or joins');
  }

  /** True once this replica may tick, vote and take messages. */
  get done(): boolean {
    const record = this.#record;
    return record !== null && (record.joining || record.formed);
  }

  /** True for a replica that came later: it knows nothing of the groups until their leaders tell it. */
  get joined(): boolean {
    return this.#record?.joining === true;
  }

  /** What is durable: the first replicas and their folders; empty before. */
  get prepared(): readonly FormingFolder[] {
    const record = this.#record;
    if (record === null) return [];
    // From before there was a formation: the cluster exists, and the topology is all that is known of it.
    if (!record.formed || record.prepared.length > 0) return record.prepared;
    const { first, folder, self } = this.#options;
    return first.map((id) => ({ id, folder: id === self ? folder : null }));
  }

  onMessage({ from, formed, prepared, replicas }: FormationWord): void {
    this.#heard.set(from, { formed, prepared, replicas });
  }

  /**
   * The link to `peer` is down. Before anything is prepared it must be here to be counted on: a disk that is wiped now
   * would be waited for in vain for ever.
   */
  onPeerDown(peer: ReplicaId): void {
    if (this.prepared.length === 0) this.#heard.delete(peer);
  }

  /** A handshake: false when `peer` has another folder than the one that the cluster is (to be) formed with. */
  meets(peer: ReplicaId, folder: string | null): boolean {
    const known = this.prepared.find(({ id }) => id === peer)?.folder ?? null;
    if (known === null || known === folder) this.#foreign.delete(peer);
    else this.#foreign.add(peer);
    return known === null || known === folder;
  }

  /**
   * A member refuses this folder for good. Whoever has not taken part yet never will: were all first replicas wiped and
   * replaced one after the other, and left running, they would find each other and form a second cluster.
   */
  onRefused(text: string): void {
    if (!this.done) this.#refused ??= text;
  }

  /** What must be made durable now; null: nothing. To be followed by `onRecorded`, or by a restart. */
  next(): FormationRecord | null {
    const record = this.#record;
    if (!this.done && this.#refused !== null) return this.#turnedAway(this.#refused);
    if (record === null) return this.#begin();
    if (record.formed) return this.#filled(record);
    if (this.joined) return null;
    return this.#allPrepared() ? { ...record, formed: true } : null;
  }

  #turnedAway(refused: string): FormationRecord | null {
    const record = this.#record ?? { prepared: [], formed: false, joining: false };
    return record.refused === undefined ? { ...record, refused } : null;
  }

  onRecorded(record: FormationRecord): void {
    this.#record = record;
  }

  /**
   * From before there was a formation: the folders of the others are not known. One that says that it belongs to the
   * formed cluster tells its name; a disk that was wiped cannot say so.
   */
  #filled(record: FormationRecord): FormationRecord | null {
    const prepared = this.prepared.map((named) => {
      const said = this.#heard.get(named.id);
      if (named.folder !== null || said?.formed !== true) return named;
      return { ...named, folder: this.#ownFolderOf(named.id) };
    });
    const changed = prepared.some(({ folder }, at) => folder !== record.prepared[at]?.folder);
    return changed || record.prepared.length === 0 ? { ...record, prepared } : null;
  }

  /**
   * Whether messages of this peer count. Not those of a first replica whose folder is not known, until it has said that
   * it is formed. `folder` null: it is of an older version, or keeps nothing, and cannot say.
   */
  hears(peer: ReplicaId, folder: string | null): boolean {
    return folder === null || this.prepared.find(({ id }) => id === peer)?.folder !== null;
  }

  #begin(): FormationRecord | null {
    if (this.#options.joining) return { prepared: [], formed: false, joining: true };
    const prepared = this.#candidate();
    if (prepared === null) return null;
    return { prepared, formed: prepared.length === 1, joining: false };
  }

  /** The list to prepare: all folders are known, and nobody has prepared another one. */
  #candidate(): readonly FormingFolder[] | null {
    const list = this.#known();
    if (list.some(({ folder }) => folder === null)) return null;
    const { first, self } = this.#options;
    for (const peer of first) {
      if (peer === self) continue;
      const said = this.#heard.get(peer);
      if (said === undefined || !sameIds(said.replicas, first)) return null;
      // Formed with this folder, which has never heard of it: the folder is an older copy of itself.
      if (said.formed || (said.prepared && !sameList(said.replicas, list))) return null;
    }
    return list;
  }

  /** The first replicas with their folders, each as it says itself. */
  #known(): readonly FormingFolder[] {
    const { first, folder, self } = this.#options;
    return first.map((id) => ({ id, folder: id === self ? folder : this.#ownFolderOf(id) }));
  }

  #ownFolderOf(peer: ReplicaId): string | null {
    return this.#heard.get(peer)?.replicas.find(({ id }) => id === peer)?.folder ?? null;
  }

  /** All have made our list durable; or one of them knows that all have. */
  #allPrepared(): boolean {
    const { self } = this.#options;
    const list = this.prepared;
    if (list.length === 0) return false;
    const same = (said: Said | undefined): boolean =>
      said !== undefined && (said.prepared || said.formed) && sameList(said.replicas, list);
    const formed = [...this.#heard.values()].some((said) => said.formed && same(said));
    return formed || list.every(({ id }) => id === self || same(this.#heard.get(id)));
  }

  tell(to: ReplicaId): FormationWord {
    const { folder, self: from } = this.#options;
    const formed = this.#record?.formed === true;
    const prepared = this.prepared.length > 0;
    if (this.joined) return { from, to, replicas: [{ id: from, folder }], prepared, formed };
    return { from, to, replicas: prepared ? this.prepared : this.#known(), prepared, formed };
  }

  /** Whom this replica waits for. */
  get missing(): readonly ReplicaId[] {
    if (this.done) return [];
    const { first, self } = this.#options;
    const list = this.prepared;
    const others = list.length > 0 ? list.map(({ id }) => id) : first;
    return others.filter((id) => {
      const said = this.#heard.get(id);
      if (id === self) return false;
      if (list.length === 0) return said === undefined || this.#ownFolderOf(id) === null;
      return said === undefined || !said.prepared || !sameList(said.replicas, list);
    });
  }

  /** Why this replica will not take part without an operator's help; null: as far as it knows, it will. */
  get trouble(): string | null {
    if (this.joined) return this.#troubleOfJoined();
    if (this.done) return null;
    if (this.#refused !== null) return `${this.#refused}; ${REMEDY}`;
    for (const peer of this.#foreign) return this.#foreignText(peer);
    for (const [peer, said] of this.#heard) {
      const text = this.#troubleWith(peer, said);
      if (text !== null) return text;
    }
    return null;
  }

  #troubleOfJoined(): string | null {
    const { self } = this.#options;
    for (const [peer, { formed, replicas }] of this.#heard) {
      if (!formed || !replicas.some(({ id }) => id === self)) continue;
      return (
        `${peer} has formed the cluster with ${self}, which joins with an empty data folder: the disk of ${self} was ` +
        `wiped or replaced; ${REMEDY}`
      );
    }
    return null;
  }

  #troubleWith(peer: ReplicaId, said: Said): string | null {
    const { first, folder, self } = this.#options;
    const ids = said.replicas.map(({ id }) => id).join(', ');
    const decided = said.prepared || said.formed;
    const deed = said.formed ? 'has formed the cluster' : 'has prepared to form the cluster';
    const own = said.replicas.find(({ id }) => id === self);
    if (decided && own === undefined) {
      return (
        `${peer} ${deed} of ${ids}: ${self} is not among them. If it is to be added, start it with an empty data ` +
        'folder and `joining: true` (or --join), and use `kvorum member add`'
      );
    }
    if (decided && own?.folder !== folder) {
      return `${peer} ${deed} with another data folder of ${self}: its disk was wiped or replaced; ${REMEDY}`;
    }
    if (said.formed && this.prepared.length === 0) {
      return `${peer} ${deed} with this data folder of ${self}, which does not know that: an older copy of it; ${REMEDY}`;
    }
    if (!sameIds(said.replicas, first)) {
      return `The topologies differ: ${peer} is to form the cluster of ${ids}, ${self} of ${first.join(', ')}`;
    }
    const theirs = this.#ownFolderOf(peer);
    const prepared = this.prepared.find(({ id }) => id === peer)?.folder ?? theirs;
    if (theirs !== prepared) return this.#foreignText(peer);
    if (!decided || sameList(said.replicas, this.prepared.length > 0 ? this.prepared : this.#known())) return null;
    const other = said.replicas.find(({ id, folder: name }) => {
      const known = (this.prepared.length > 0 ? this.prepared : this.#known()).find((mine) => mine.id === id);
      return known?.folder !== null && known?.folder !== name;
    });
    return other === undefined
      ? null
      : `${peer} ${deed} with another data folder of ${other.id}: the disk of ${other.id} was wiped; ${REMEDY}`;
  }

  #foreignText(peer: ReplicaId): string {
    return (
      `${peer} came with another data folder than the one that ${this.#options.self} has prepared to form the cluster ` +
      `with: the disk of ${peer} was wiped or replaced; ${REMEDY}`
    );
  }
}

function sameIds(list: readonly FormingFolder[], ids: readonly ReplicaId[]): boolean {
  return list.length === ids.length && list.every(({ id }) => ids.includes(id));
}

/** In any order: it comes from each one's topology. */
function sameList(a: readonly FormingFolder[], b: readonly FormingFolder[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, folder }) => b.some((other) => other.id === id && other.folder === folder && folder !== null))
  );
}
