import type { GroupId, LogIndex, ReplicaId, Revision, Term } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Logger } from '../../base/logger.js';
import type { Entry } from '../../engines/entry.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { Membership, MembershipPair } from '../../engines/raft/membership.js';
import type { Discarded } from '../../engines/semisync/events.js';
import type { Semisync, SemisyncStatus } from '../../engines/semisync/semisync.js';
import { KvStateMachine } from '../../kv/index.js';
import type { Command, KvReader, ValueRef } from '../../kv/types.js';
import type { CheckpointStore, Log } from '../../storage/storage.js';
import type { GroupMember, MemberOutput } from '../group-member.js';
import { standingOf, type Standing } from '../raft/membership-effect.js';
import type { SemisyncControl, WriteWaiter } from '../router.js';
import type { SemisyncSettings } from './options.js';
import { createSemisyncStats } from './stats.js';

export interface SemisyncMemberOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  /** What the cluster was formed with: these are the members, for ever. */
  readonly membership: Membership;
  /** What the keyspace begins with: see establish.ts. */
  readonly writeQuorum: number;
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tickMs: number;
  readonly requestTimeoutMs: number;
  readonly sessionWaitMs: number;
  readonly checkpointBytes: number;
  readonly retainBytes: number;
  readonly logBytesMax?: number;
  readonly semisync: SemisyncSettings;
  wake(): void;
  send(message: EngineMessage): void;
  onFailed(error: unknown): void;
  /** Role, term or leader changed. */
  onChanged(status: SemisyncStatus): void;
  /** An entry was applied: for those who check, not for the replica's own work. */
  onApplied?(entry: Entry): void;
  /** Entries are leaving the log, and are in a file of lost writes already: as onApplied. */
  onDiscarded?(discarded: Discarded): void;
}

/** What can be seen of the engine from outside; only the member itself steps and drains. */
export type SemisyncCore = Omit<Semisync, 'step' | 'drain'>;

const NOT_YET = new KvorumError('starting', 'The cluster forms');

/** One replica's instance in one leader-follower group: the engine, its state machine, and the requests that wait for them. */
export class SemisyncMember implements GroupMember {
  readonly engine = 'semisync';
  readonly group: GroupId;
  readonly stats = createSemisyncStats();
  readonly writes = {
    pendingBatches: 0,
    put: (_key: ValueRef, _value: ValueRef, waiter: WriteWaiter, token: number) => waiter.onError(token, NOT_YET),
    submit: (_command: Command, waiter: WriteWaiter, token: number) => waiter.onError(token, NOT_YET),
  };
  readonly reads = { pendingBatches: 0 };
  readonly #options: SemisyncMemberOptions;
  readonly #kv: KvStateMachine;
  #membership: Membership;

  constructor(options: SemisyncMemberOptions) {
    this.#options = options;
    this.group = options.group;
    this.#membership = options.membership;
    this.#kv = KvStateMachine.open(options.store, options.store.mark?.meta ?? null);
  }

  form(membership: Membership): void {
    this.#membership = membership;
  }

  /** Null until the cluster is formed, and for ever on a replica that joined later. */
  get core(): SemisyncCore | null {
    return null;
  }

  get memberships(): MembershipPair {
    const placed = { index: 0 as LogIndex, membership: this.#membership };
    return { committed: placed, latest: placed };
  }

  get standing(): Standing {
    return standingOf(this.#options.self, this.#membership);
  }

  get reader(): KvReader {
    return this.#kv.reader;
  }

  digest(): string {
    return this.#kv.digest();
  }

  get appliedIndex(): LogIndex {
    return 0 as LogIndex;
  }

  /** Epoch of the last entry that is applied. */
  get appliedTerm(): Term {
    return 0 as Term;
  }

  get revision(): Revision {
    return this.#kv.reader.revision;
  }

  get checkpointIndex(): LogIndex {
    return this.#options.store.mark?.index ?? (0 as LogIndex);
  }

  get caughtUp(): boolean {
    return false;
  }

  get control(): SemisyncControl {
    return {
      followers: this.#membership.voters.length - 1,
      epoch: this.appliedTerm,
      tickMs: this.#options.tickMs,
      setWriteQuorum: () => Promise.reject(NOT_YET),
      promote: () => Promise.reject(NOT_YET),
      failovers: () => Promise.resolve([]),
      lostWrites: () => Promise.resolve(null),
      digestAt: () => Promise.resolve(null),
      stalenessMs: () => Number.POSITIVE_INFINITY,
    };
  }

  onMessage(_message: EngineMessage): void {}
  onPeerUp(_peer: ReplicaId): void {}
  onPeerDown(_peer: ReplicaId): void {}
  onDropped(_message: EngineMessage): void {}
  onRemoved(): void {}
  onStalled(): void {}
  tick(_ticks: number, _nowMs: number): void {}

  drain(): MemberOutput | null {
    return null;
  }

  onPersisted(_batch: number): void {}
  apply(): void {}

  async checkpointNow(): Promise<void> {}

  cancelMaintenance(): void {}
  stop(_unknown: KvorumError, _certain: KvorumError): void {}
  async close(): Promise<void> {}
}
