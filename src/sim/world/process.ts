import { assert } from '../../base/assert.js';
import type { ReplicaId } from '../../base/brand.js';
import { toKvorumError, type KvorumError } from '../../base/errors/error.js';
import type { Prng } from '../../base/prng.js';
import type { Topology } from '../../config/topology.js';
import { isLeaderless, type AnyMember } from '../../replica/group-member.js';
import type { LeaderlessMember } from '../../replica/leaderless/member.js';
import type { RaftMember } from '../../replica/raft/member.js';
import type { SemisyncMember } from '../../replica/semisync/member.js';
import type { Keyspace } from '../../replica/router.js';
import { FOLDER } from '../../storage/disk-storage.js';
import { Disk } from './disk/disk.js';
import { EVENT } from './event-kinds.js';
import { beginLife, openFolder, type FolderOptions, type Life } from './life.js';
import { Machine } from './machine.js';
import type { Network } from './network/network.js';
import type { Knobs, LeaderlessOptions } from './options.js';
import {
  Violation,
  type CrashLoss,
  type DiskFaults,
  type Failure,
  type ProcessState,
  type SimProcess,
} from './types.js';
import type { WorldTime } from './virtual-time.js';
import type { Witness } from './witness.js';
import { withLater } from './topology.js';

/** From the start of a program until it opens its folder. */
const START_MIN_MS = 0.2;
const START_JITTER_MS = 3;
/** From a machine that is back until somebody has its log read. */
const EXAMINE_MS = 1;

export interface ProcessOptions {
  readonly id: ReplicaId;
  readonly ordinal: number;
  readonly topology: Topology;
  readonly knobs: Knobs;
  readonly leaderless?: LeaderlessOptions;
  /** The group is one with a write quorum. */
  readonly semisync: boolean;
  readonly disk: DiskFaults;
  readonly time: WorldTime;
  readonly network: Network;
  readonly witness: Witness;
  readonly prng: Prng;
  /** Something of this process ran in the event at hand. */
  onRan(process: Process): void;
}

/** One replica's process with its machine. */
export class Process implements SimProcess {
  readonly id: ReplicaId;
  readonly machine: Machine;
  readonly disk: Disk;
  state: ProcessState = 'new';
  failure: Failure | null = null;
  /** Noted by the world: it ran in the event at hand. */
  ran = false;
  readonly #options: ProcessOptions;
  readonly #dir: string;
  #topology: Topology;
  #life: Life | null = null;
  /** Of a start that is not done: it applies what its log holds. */
  #starting: AnyMember | null = null;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { id, ordinal, prng, time, witness } = options;
    this.id = id;
    this.#topology = options.topology;
    this.#dir = `/sim/${id}`;
    this.machine = new Machine(time, ordinal, prng.fork('machine'));
    this.machine.onRan = () => options.onRan(this);
    this.machine.onThrown = (error) => this.#onThrown(error);
    this.disk = new Disk({
      time,
      machine: this.machine,
      prng: prng.fork('disk'),
      faults: options.disk,
      logDir: `${this.#dir}/${FOLDER.log}`,
      onDurable: (records) => witness.onDurable(this, records),
    });
  }

  get member(): RaftMember | null {
    const member = this.#life?.member;
    return member?.engine === 'raft' ? member : null;
  }

  get leaderless(): LeaderlessMember | null {
    const member = this.#starting ?? this.#life?.member;
    return member !== undefined && isLeaderless(member) ? member : null;
  }

  get semisync(): SemisyncMember | null {
    const member = this.#starting ?? this.#life?.member;
    return member?.engine === 'semisync' ? member : null;
  }

  get keyspace(): Keyspace | null {
    return this.#life?.keyspace ?? null;
  }

  /** Its folder's name and who it is to the others, while it runs. */
  get life(): Life | null {
    return this.#life;
  }

  get listed(): readonly ReplicaId[] {
    return this.#topology.replicas.map(({ id }) => id);
  }

  inform(ids: readonly ReplicaId[]): void {
    this.#topology = ids.reduce(withLater, this.#topology);
  }

  start(): void {
    assert(['new', 'down', 'refused'].includes(this.state), `${this.id} is ${this.state}: it cannot be started`);
    this.state = 'starting';
    this.failure = null;
    const life = this.machine.begin();
    const delayMs = START_MIN_MS + START_JITTER_MS * this.#options.prng.float();
    this.machine.later(life, delayMs, EVENT.start, () => {
      this.#options.time.settle();
      void this.#open(life);
    });
  }

  async #open(life: number): Promise<void> {
    try {
      const begun = await this.#begin(life);
      if (this.machine.life !== life) return;
      this.#life = begun;
      this.#starting = null;
      this.state = this.machine.paused ? 'paused' : 'running';
    } catch (error) {
      if (this.machine.life === life) this.#stopped(toKvorumError(error), true);
    }
  }

  #begin(life: number): Promise<Life> {
    const { knobs, leaderless, network, semisync, witness } = this.#options;
    const alive = (): boolean => this.machine.life === life;
    return beginLife({
      ...this.#folder(life),
      knobs,
      ...(leaderless === undefined ? {} : { leaderless }),
      semisync,
      network,
      onRecovered: (recovered) => {
        const wrong = this.disk.opened(recovered);
        if (wrong !== null) this.#violate('durable-log-lost', wrong);
        witness.onStarted(this, recovered);
      },
      onFailed: (error) => {
        if (alive()) this.#stopped(error, false);
      },
      onMessage: (group, message) => witness.onMessage(this, group, message),
      onApplied: (group, entry) => witness.onApplied(this, group, entry),
      onDiscarded: (group, discarded) => witness.onDiscarded(this, group, discarded),
      onDelivered: (group, batch) => witness.onDelivered(this, group, batch),
      onMember: (member) => {
        if (alive()) this.#starting = member;
      },
    });
  }

  #folder(life: number): FolderOptions {
    const { id, prng, witness } = this.#options;
    return {
      topology: this.#topology,
      machine: this.machine,
      life,
      prng: prng.fork(`life ${life}`),
      fs: this.disk.beginOpen(),
      dir: this.#dir,
      self: id,
      onCheckpoint: (group, mark, installed, digest) => {
        if (this.machine.life === life) witness.onCheckpoint(this, group, mark, installed, digest);
      },
      onCheckpointFound: (group, mark) => witness.onCheckpointFound(this, group, mark),
    };
  }

  examine(done: (refusal: Failure | null) => void): void {
    assert(this.state === 'down', `${this.id} is ${this.state}: its disk is in use`);
    this.state = 'examined';
    const life = this.machine.begin();
    this.machine.later(life, EXAMINE_MS, EVENT.start, () => {
      this.#options.time.settle();
      void this.#examine(life, done);
    });
  }

  async #examine(life: number, done: (refusal: Failure | null) => void): Promise<void> {
    let refusal: Failure | null = null;
    try {
      await openFolder(this.#folder(life));
    } catch (error) {
      refusal = this.#failureOf(toKvorumError(error));
    }
    this.#end('nothing');
    this.state = 'down';
    done(refusal);
  }

  crash(loss: CrashLoss): void {
    const ran = this.machine.life !== 0;
    this.#end(loss);
    if (!ran) return;
    this.state = 'down';
    this.failure = null;
    this.#options.witness.onCrashed(this);
  }

  pause(): void {
    if (this.state !== 'running') return;
    this.state = 'paused';
    this.machine.pause();
    this.#options.network.onPaused();
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    this.machine.resume();
    this.#options.network.onPaused();
  }

  slow(turnMs: number): void {
    this.machine.slow(turnMs);
  }

  get wallMs(): number {
    return this.machine.clock.wallMs();
  }

  setClock(rate: number, jumpMs: number): void {
    this.machine.setClock(rate, jumpMs);
  }

  wipe(): void {
    assert(this.machine.life === 0, 'a disk is replaced while its machine is down');
    this.disk.wipe();
    this.#options.witness.onWiped(this);
  }

  rollBack(): boolean {
    assert(this.machine.life === 0, 'a folder is put back while its machine is down');
    if (!this.disk.rollBack()) return false;
    this.#options.witness.onRolledBack(this);
    return true;
  }

  checkpoint(): void {
    this.request((_keyspace, member) => {
      this.#options.time.settle();
      void member.checkpointNow();
    });
  }

  request(call: (keyspace: Keyspace, member: AnyMember) => void): boolean {
    const life = this.#life;
    if (life === null) return false;
    this.machine.deliver(this.machine.life, () => call(life.keyspace, life.member));
    return true;
  }

  /** It ended by itself: a start that was refused, or a replica that gave up. */
  #stopped(error: KvorumError, starting: boolean): void {
    const refused = starting && error.code !== 'storage_failed';
    const failure = this.#failureOf(error);
    this.#end('nothing');
    this.state = refused ? 'refused' : 'down';
    this.failure = failure;
    this.#options.witness.onCrashed(this);
  }

  #failureOf(error: KvorumError): Failure {
    if (error.code === 'internal') this.#violate('internal-error', stackOf(error.cause ?? error));
    return { code: error.code, detail: error.message };
  }

  #onThrown(error: unknown): void {
    this.#violate('uncaught-error', stackOf(error));
    this.crash('nothing');
  }

  /** Nothing of this life runs any more. */
  #end(loss: CrashLoss): void {
    const { network } = this.#options;
    this.machine.end();
    this.#life = null;
    this.#starting = null;
    if (loss === 'nothing') network.leave(this.id);
    else network.vanish(this.id);
    this.disk.crash(loss);
  }

  #violate(invariant: string, detail: string): void {
    this.#options.time.violate(new Violation(invariant, `${this.id}: ${detail}`));
  }

  /** For the hash over everything: what the engine shows. */
  fold(): void {
    const member = this.#life?.member;
    if (member === undefined) return;
    const { time } = this.#options;
    if (isLeaderless(member)) return foldVector(member, time);
    const core = member.engine === 'raft' ? member.raft : member.core;
    if (core === null) return;
    time.fold(ROLES[core.role]);
    time.fold(core.term);
    time.fold(core.commitIndex);
    time.fold(member.appliedIndex);
    time.fold(core.lastIndex);
  }
}

const ROLES = { follower: 1, 'pre-candidate': 2, candidate: 3, leader: 4 } as const;

function foldVector({ kv, core }: LeaderlessMember, time: WorldTime): void {
  for (const seq of kv.vector.values()) time.fold(seq);
  time.fold(kv.counter);
  time.fold(core.ready ? 1 : 0);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
