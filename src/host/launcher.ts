import type { ReplicaId } from '../base/brand.js';
import { assertDefined } from '../base/assert.js';
import { systemClock } from '../base/clock.js';
import { KvorumError } from '../base/errors/error.js';
import type { Logger } from '../base/logger.js';
import { systemScheduler } from '../base/scheduler.js';
import type { Topology } from '../config/topology.js';
import { SupervisedReplica } from './supervisor.js';

/**
 * How long the launcher waits for a first leader before it shows the endpoints without one: where a majority is in
 * other processes, nobody knows whether they run.
 */
const LEADER_WAIT_MS = 1200;
/** A majority that is in this process elects one, however busy the machine is. */
const OWN_LEADER_WAIT_MS = 10_000;

export interface LauncherOptions {
  readonly topology: Topology;
  readonly logger: Logger;
}

/**
 * Runs the local replicas of a topology, each in a thread of its own under a supervisor. Lives in the main thread and
 * carries no data.
 */
export class Launcher {
  readonly replicas: ReadonlyMap<ReplicaId, SupervisedReplica>;
  readonly #watchers = new Set<() => void>();
  /** Keyspaces that a leader serves. */
  readonly #led: number;
  readonly #leaderWaitMs: number;
  #ending = false;

  constructor({ topology, logger }: LauncherOptions) {
    this.#led = topology.keyspaces.filter(({ engine }) => engine === 'raft' || engine === 'semisync').length;
    const members = topology.replicas.filter(({ joining }) => !joining);
    const own = members.filter(({ id }) => topology.local.includes(id));
    this.#leaderWaitMs = 2 * own.length > members.length ? OWN_LEADER_WAIT_MS : LEADER_WAIT_MS;
    const replicas = new Map<ReplicaId, SupervisedReplica>();
    for (const replica of topology.local) {
      replicas.set(
        replica,
        new SupervisedReplica({
          topology,
          replica,
          clock: systemClock,
          scheduler: systemScheduler,
          logger,
          events: {
            onChanged: () => {
              for (const watcher of this.#watchers) watcher();
            },
          },
        }),
      );
    }
    this.replicas = replicas;
  }

  /**
   * Starts every replica: true when all are ready, false when `drain` or `stop` was called meanwhile. Rejects with the
   * first error as soon as one cannot start; the others are stopped then.
   */
  async start(): Promise<boolean> {
    const replicas = [...this.replicas.values()];
    for (const replica of replicas) replica.start();
    const started = (): boolean => replicas.every(({ state }) => state === 'ready');
    const failure = (): SupervisedReplica | undefined =>
      replicas.find(({ state }) => state === 'failed' || state === 'backing-off');
    await this.until(() => this.#ending || started() || failure() !== undefined);
    if (this.#ending) return false;
    const failed = failure();
    if (failed === undefined) return true;
    await this.stop();
    throw failed.error ?? new KvorumError('internal', `Replica ${failed.id} did not start`);
  }

  /** Waits a little for every group to have a leader; true when all have one. */
  async waitForLeaders(): Promise<boolean> {
    const led = (): boolean =>
      [...this.replicas.values()].every(
        ({ roles }) => [...roles.values()].filter(({ leader }) => leader !== null).length >= this.#led,
      );
    let waiting = true;
    const cancel = systemScheduler.after(this.#leaderWaitMs, () => {
      waiting = false;
      for (const watcher of this.#watchers) watcher();
    });
    await this.until(() => led() || !waiting || this.#ending);
    cancel();
    return led();
  }

  /** Resolves when a replica has failed for good, or never. */
  async untilFailed(): Promise<SupervisedReplica> {
    const failed = (): SupervisedReplica | undefined =>
      [...this.replicas.values()].find(({ state }) => state === 'failed');
    await this.until(() => failed() !== undefined);
    return assertDefined(failed(), 'just seen');
  }

  /** All replicas drain at once; resolves when their threads have ended. */
  async drain(): Promise<void> {
    this.#end();
    await Promise.all([...this.replicas.values()].map((replica) => replica.drain()));
  }

  /** Ends all threads at once. */
  async stop(): Promise<void> {
    this.#end();
    await Promise.all([...this.replicas.values()].map((replica) => replica.stop()));
  }

  #end(): void {
    this.#ending = true;
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves when `condition` holds; checked whenever a replica changes. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#watchers.delete(check);
        resolve();
      };
      this.#watchers.add(check);
      check();
    });
  }
}
