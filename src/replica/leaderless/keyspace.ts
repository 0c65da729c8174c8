import { Buffer } from 'node:buffer';
import { logIndex, revision, type ReplicaId } from '../../base/brand.js';
import { assert } from '../../base/assert.js';
import type { Vector } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { MembershipPair } from '../../engines/raft/membership.js';
import { votersOnly } from '../../engines/raft/membership.js';
import { unmet } from '../../kv/dotted/merge.js';
import type { Command, CommandResult, ValueRef } from '../../kv/types.js';
import type {
  Consistency,
  Keyspace,
  KeyspaceStatus,
  LeaderlessControl,
  Level,
  MembershipResult,
  ReadOptions,
  ReadWaiter,
  RequestOptions,
  WriteOptions,
  WriteWaiter,
} from '../router.js';
import { LEVELS } from '../router.js';
import { countOf, requirementOf } from './levels.js';
import type { LeaderlessMember } from './member.js';
import { SplitDeletes } from './split-deletes.js';
import { whatNeedsOrder } from './needs-order.js';

export interface LeaderlessKeyspaceOptions {
  readonly name: string;
  readonly member: LeaderlessMember;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly consistency: Consistency;
  /** Of a write that does not say. */
  readonly writes: Level;
  readonly conflicts: LeaderlessControl['conflicts'];
  /** Keyspaces that have one order of all writes: where to go for what needs one. */
  readonly ordered: readonly string[];
  readonly forwardTo?: ReplicaId | null;
  /** True when the replica takes no new requests. */
  draining(): boolean;
  failure(): KvorumError | null;
  /** Why this replica does not take part; null when it does. */
  refusal?(): KvorumError | null;
}

const NOTHING_SEEN: Vector = new Map();
const ABSENT: CommandResult['operations'] = [
  { status: 'absent', previous: null, integer: null, revision: revision(0) },
];

/** A leaderless keyspace of one partition: every replica takes reads and writes. */
export class LeaderlessKeyspace implements Keyspace {
  readonly name: string;
  readonly limits: { readonly keyBytes: number; readonly valueBytes: number };
  readonly leaderless: LeaderlessControl;
  readonly semisync = null;
  defaultConsistency: Consistency;
  readonly #options: LeaderlessKeyspaceOptions;
  readonly #member: LeaderlessMember;

  constructor(options: LeaderlessKeyspaceOptions) {
    this.#options = options;
    this.#member = options.member;
    this.name = options.name;
    this.limits = options.limits;
    this.defaultConsistency = options.consistency;
    const { conflicts, member } = options;
    this.leaderless = {
      conflicts,
      forwardTo: options.forwardTo ?? null,
      overwritten: (limit) => member.kv.overwritten(limit),
      gossipNow: () => member.gossipNow(),
      scrub: () => member.scrub(),
      get tombstones() {
        return member.kv.tombstones;
      },
    };
  }

  get engine(): LeaderlessMember['engine'] {
    return this.#member.engine;
  }

  put(key: ValueRef, value: ValueRef, waiter: WriteWaiter, token: number, options?: WriteOptions): void {
    const keyBytes = key.end - key.start;
    assert(keyBytes > 0 && keyBytes <= this.limits.keyBytes, 'the caller has checked the length of the key');
    assert(value.end - value.start <= this.limits.valueBytes, 'the caller has checked the length of the value');
    const level = options?.level ?? this.#options.writes;
    const refusal = this.#refusal() ?? this.#shortage(level);
    if (refusal !== null) return waiter.onError(token, refusal);
    const keepsSiblings = this.leaderless.conflicts === 'siblings';
    if (options === undefined && !keepsSiblings) {
      return this.#member.writes.put(key, value, waiter, token, level, 0);
    }
    const plain = options?.context === undefined && options?.expiresAtMs === undefined && !keepsSiblings;
    if (plain && this.#member.sessions.missing(options).length === 0) {
      return this.#member.writes.put(key, value, waiter, token, level, options?.seen?.counter ?? 0);
    }
    this.#submit({ operations: [putOf(key, value, options ?? {})] }, waiter, token, level, options);
  }

  submit(command: Command, waiter: WriteWaiter, token: number, options?: WriteOptions): void {
    const level = options?.level ?? this.#options.writes;
    const deletes = command.session === undefined ? SplitDeletes.of(command) : null;
    const refusal = this.#refusal() ?? (deletes === null ? this.#unsupported(command) : null) ?? this.#shortage(level);
    if (refusal !== null) return waiter.onError(token, refusal);
    if (deletes === null) return this.#submit(withOptions(command, options), waiter, token, level, options);
    deletes.run(waiter, token, (one, part, at) => this.#submit(one, part, at, level, options));
  }

  /** Waits first for what the session has seen: a write must not stand before what its client has read. */
  #submit(command: Command, waiter: WriteWaiter, token: number, level: Level, options?: WriteOptions): void {
    this.#whenSeen(options, () => this.#write(command, waiter, token, level, options), waiter, token);
  }

  #whenSeen(
    options: RequestOptions | undefined,
    then: () => void,
    waiter: WriteWaiter | ReadWaiter,
    token: number,
  ): void {
    const missing = this.#member.sessions.missing(options);
    if (missing.length === 0) return then();
    this.#member.sessions.wait(missing, options, then, (error) => waiter.onError(token, error));
  }

  #write(command: Command, waiter: WriteWaiter, token: number, level: Level, options?: WriteOptions): void {
    const [operation] = command.operations;
    const { reader, writes } = this.#member;
    // Nothing of it is here, nor on its way: there is nothing to be deleted, and nothing is written (ap.md §1.1).
    if (operation?.op === 'delete' && writes.pendingBatches === 0 && !reader.has(operation.key)) {
      const result = { revision: reader.revision, operations: ABSENT, error: null, duplicate: false };
      return waiter.onResult(token, result);
    }
    writes.submit(this.#withContext(command, options), waiter, token, level, options?.seen?.counter ?? 0);
  }

  /** Of a put that brings no context: what is here is what it replaces, when it means to, and when that is too much. */
  #withContext(command: Command, options: WriteOptions | undefined): Command {
    const [put] = command.operations;
    if (this.leaderless.conflicts !== 'siblings' || put?.op !== 'put' || put.context !== undefined) return command;
    const dots = this.#member.reader.version(put.key)?.dots ?? [];
    const replacesAll = options?.replacesAll === true;
    if (!replacesAll && dots.length < LIMITS.siblings) return command;
    const own = replacesAll ? [this.#member.nextDot] : [];
    const context = unmet([...dots, ...own], NOTHING_SEEN).slice(0, LIMITS.contextDots); // The last of each origin.
    return { ...command, operations: [{ ...put, context }] };
  }

  read(consistency: Consistency, waiter: ReadWaiter, token: number, options?: ReadOptions): void {
    const refusal = this.#refusal();
    if (refusal !== null) return waiter.onError(token, refusal);
    if (consistency === 'one' || consistency === 'session') {
      if (options === undefined || this.#member.sessions.missing(options).length === 0) {
        this.#member.stats.readsServed++;
        return waiter.onReadable(token, this.#member.reader);
      }
      return this.#whenSeen(options, () => this.#serve(waiter, token), waiter, token);
    }
    if (!isLevel(consistency)) return waiter.onError(token, this.#noSuchConsistency(consistency));
    this.#readMany(consistency, waiter, token, options);
  }

  #serve(waiter: ReadWaiter, token: number): void {
    this.#member.stats.readsServed++;
    waiter.onReadable(token, this.#member.reader);
  }

  #readMany(level: Level, waiter: ReadWaiter, token: number, options: ReadOptions | undefined): void {
    const keys = options?.keys;
    if (keys === undefined) {
      const detail = `A scan at level ${level} is not offered: versions are compared key by key. Scan at level one`;
      return waiter.onError(token, new KvorumError('unsupported_consistency', detail));
    }
    if (keys.length > LIMITS.probeKeys) {
      const detail = `At level ${level} at most ${LIMITS.probeKeys} keys are read at a time`;
      return waiter.onError(token, new KvorumError('too_many_operations', detail));
    }
    const shortage = this.#shortage(level);
    if (shortage !== null) return waiter.onError(token, shortage);
    this.#whenSeen(options, () => this.#member.reads.read(level, keys, waiter, token), waiter, token);
  }

  #noSuchConsistency(consistency: Consistency): KvorumError {
    const detail = `${consistency} needs one order of all writes; the engine ${this.engine} offers ${LEVELS.join(', ')}`;
    return new KvorumError('unsupported_consistency', detail, { extra: { offered: LEVELS } });
  }

  #refusal(): KvorumError | null {
    const failure = this.#options.failure();
    if (failure !== null) return failure;
    if (this.#options.draining()) return new KvorumError('draining');
    if (this.#member.removed) return new KvorumError('not_member', 'This replica was removed from the cluster');
    return this.#options.refusal?.() ?? null;
  }

  #unsupported(command: Command): KvorumError | null {
    const what = whatNeedsOrder(command);
    if (what === null) return null;
    const { ordered } = this.#options;
    const where = ordered.length === 0 ? 'No keyspace here has one' : `Keyspaces that have one: ${ordered.join(', ')}`;
    const detail = `${what} needs one order of all writes, which the engine ${this.engine} of keyspace ${this.name} does not make. ${where}`;
    return new KvorumError('unsupported_by_engine', detail, { extra: { ordered_keyspaces: ordered } });
  }

  /** Too few are alive for it: nothing is written (ap.md §1.4.4: fail fast). */
  #shortage(level: Level): KvorumError | null {
    if (this.#member.canMeet(level)) return null;
    const alive = this.#member.core.aliveMembers();
    const need = requirementOf(level, this.#member.scope);
    const { have, required } = countOf(need, (member) => alive.includes(member));
    const detail = `Level ${level} needs ${required} replicas, and ${have} of them are alive`;
    return new KvorumError('not_enough_replicas', detail, { extra: { alive: have, required } });
  }

  leader(): null {
    return null;
  }

  status(): KeyspaceStatus {
    const { reader } = this.#member;
    return {
      keyspace: this.name,
      partition: 0,
      group: this.#member.group,
      engine: this.#member.status(),
      revision: reader.revision,
      keys: reader.size,
      checkpointIndex: logIndex(this.#member.checkpointCount),
    };
  }

  transferLeader(): Promise<ReplicaId> {
    const detail = `Keyspace ${this.name} has no leader: every replica takes its writes`;
    return Promise.reject(new KvorumError('unsupported_by_engine', detail));
  }

  memberships(): MembershipPair {
    const placed = { index: logIndex(0), membership: votersOnly(this.#member.core.members) };
    return { committed: placed, latest: placed };
  }

  changeMembership(): Promise<MembershipResult> {
    const detail = `The members of keyspace ${this.name} are those of the cluster: change them in a keyspace that votes`;
    return Promise.reject(new KvorumError('unsupported_by_engine', detail));
  }
}

function isLevel(consistency: Consistency): consistency is Level {
  return (LEVELS as readonly string[]).includes(consistency);
}

/** Copies: the caller may reuse its bytes when it gets back control. */
function putOf(key: ValueRef, value: ValueRef, { context, expiresAtMs }: WriteOptions): Command['operations'][number] {
  const name = Buffer.from(key.source.buffer, key.source.byteOffset + key.start, key.end - key.start).toString(
    'latin1',
  );
  return {
    op: 'put',
    key: name,
    value: value.source.slice(value.start, value.end),
    ...(context === undefined ? {} : { context }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

/** What is said beside the command belongs to its one operation. */
function withOptions(command: Command, options: WriteOptions | undefined): Command {
  const [operation] = command.operations;
  if (operation === undefined || (options?.context === undefined && options?.expiresAtMs === undefined)) return command;
  const { context, expiresAtMs } = options;
  if (operation.op === 'put') {
    const extra = { ...(context && { context }), ...(expiresAtMs !== undefined && { expiresAtMs }) };
    return { ...command, operations: [{ ...operation, ...extra }] };
  }
  if (operation.op !== 'delete' || context === undefined) return command;
  return { ...command, operations: [{ ...operation, context }] };
}
