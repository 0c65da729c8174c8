import { assert } from '../../base/assert.js';
import { replicaId, type ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { Topology } from '../../config/topology.js';
import type { MemberInfo } from '../../engines/raft/membership.js';
import type { LinkTimings } from '../../transport/tcp/timings.js';
import { Network } from './network/network.js';
import type { Knobs, WorldOptions } from './options.js';
import { Process } from './process.js';
import { infoOf, makeTopology, withLater } from './topology.js';
import type { World } from './types.js';
import { WorldTime } from './virtual-time.js';
import { Witness } from './witness.js';

/** Worlds in which all frames are bytes, of ten. */
const CODEC_WORLDS = 3;

/** See types.ts. */
export class SimulatedWorld implements World {
  readonly time = new WorldTime();
  readonly network: Network;
  readonly processes = new Map<ReplicaId, Process>();
  readonly topology: Topology;
  readonly #options: WorldOptions;
  readonly #witness: Witness;
  readonly #prng: Prng;
  #ran: Process[] = [];

  constructor(options: WorldOptions) {
    assert(options.replicas > 0, 'a world has a replica');
    this.#options = options;
    const { knobs, leaderless, observers, prng, semisync } = options;
    this.#prng = prng.fork('processes');
    this.#witness = new Witness(this.time, observers);
    const ids = Array.from({ length: options.replicas }, (_, at) => replicaId(`n${at + 1}`));
    const first = makeTopology(ids, knobs, { leaderless, semisync });
    this.topology = (options.later ?? []).reduce(withLater, first);
    this.network = new Network({
      time: this.time,
      prng: prng.fork('network'),
      faults: options.network,
      timings: linkTimings(knobs),
      codec: options.codec ?? prng.fork('codec').between(1, 10) <= CODEC_WORLDS,
      frozen: options.frozen ?? false,
      ordinalOf: (id) => this.processes.get(id as ReplicaId)?.machine.ordinal ?? 0,
    });
    for (const id of ids) this.#create(id, this.topology);
    this.time.onEventEnd = () => this.#onEventEnd();
  }

  addProcess(id: ReplicaId): Process {
    const topology = [...this.processes.keys(), id].reduce(withLater, this.topology);
    return this.#create(id, { ...topology, local: [id] });
  }

  infoOf(id: ReplicaId): MemberInfo {
    return infoOf(id);
  }

  powerLoss(ids: readonly ReplicaId[]): void {
    for (const id of ids) this.processes.get(id)?.crash('unsynced');
  }

  close(): void {
    this.time.clear();
    for (const process of this.processes.values()) process.machine.end();
  }

  #create(id: ReplicaId, topology: Topology): Process {
    assert(!this.processes.has(id), `there is one process ${id}`);
    const { knobs, disk, leaderless, semisync } = this.#options;
    const process = new Process({
      id,
      ordinal: this.processes.size + 1,
      topology,
      knobs,
      ...(leaderless === undefined ? {} : { leaderless }),
      semisync: semisync !== undefined,
      disk,
      time: this.time,
      network: this.network,
      witness: this.#witness,
      prng: this.#prng.fork(id),
      onRan: (each) => this.#onRan(each),
    });
    this.processes.set(id, process);
    return process;
  }

  #onRan(process: Process): void {
    if (process.ran) return;
    process.ran = true;
    this.#ran.push(process);
  }

  #onEventEnd(): void {
    if (this.#ran.length === 0) return;
    const ran = this.#ran;
    this.#ran = [];
    for (const process of ran) {
      process.ran = false;
      process.fold();
      this.#witness.onTurn(process);
    }
  }
}

/** In the proportions of the defaults of src/transport/tcp, but for clusters whose elections take tenths of a second. */
function linkTimings({ heartbeatMs, electionTimeoutMs }: Knobs): LinkTimings {
  return {
    handshakeTimeoutMs: 2 * electionTimeoutMs[1],
    pingIntervalMs: 2 * heartbeatMs,
    silenceTimeoutMs: 3 * electionTimeoutMs[1],
    frameDeadlineMs: 10 * electionTimeoutMs[1],
    reconnectMinMs: 2,
    reconnectMaxMs: electionTimeoutMs[1],
    refusedRetryMs: 10 * electionTimeoutMs[1],
  };
}
