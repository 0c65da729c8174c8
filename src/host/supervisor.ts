import { Worker } from 'node:worker_threads';
import type { ReplicaId } from '../base/brand.js';
import type { Clock } from '../base/clock.js';
import { KvorumError } from '../base/errors/error.js';
import type { Logger } from '../base/logger.js';
import type { Scheduler } from '../base/scheduler.js';
import type { Topology } from '../config/topology.js';
import type { GroupRole, HostToReplica, ReplicaEndpoints, ReplicaStart, ReplicaToHost } from './messages.js';

/** A thread that has not ended this long after its own drain timeout hangs, and is ended. */
const DRAIN_GRACE_MS = 5000;

export type ReplicaState = 'starting' | 'ready' | 'backing-off' | 'draining' | 'stopped' | 'failed';

export interface SupervisorEvents {
  /** State, endpoints or roles of the replica changed. */
  onChanged(replica: SupervisedReplica): void;
}

export interface SupervisorOptions {
  readonly topology: Topology;
  readonly replica: ReplicaId;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly events: SupervisorEvents;
  /** What the thread runs; ./worker.js by default. */
  readonly workerModule?: URL;
}

/**
 * Keeps one replica's thread alive: a crash is followed by a restart after a pause that doubles, and by a final stop
 * when crashes come too fast (reliability.md §2.2) or when the reason cannot be cured by starting again.
 */
export class SupervisedReplica {
  readonly id: ReplicaId;
  readonly roles = new Map<string, GroupRole>();
  restarts = 0;
  endpoints: ReplicaEndpoints | null = null;
  error: KvorumError | null = null;
  readonly #options: SupervisorOptions;
  #state: ReplicaState = 'stopped';
  #worker: Worker | null = null;
  #incarnation = 0;
  #crashesMs: number[] = [];
  #cancelRestart: () => void = () => undefined;
  #waitingForEnd: (() => void)[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.id = options.replica;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  start(): void {
    // Grows with every start, also when the wall clock is set back while this process lives.
    this.#incarnation = Math.max(this.#incarnation + 1, Math.floor(this.#options.clock.wallMs()) * 1000);
    const worker = this.#createWorker({
      topology: this.#options.topology,
      replica: this.id,
      incarnation: this.#incarnation,
      restarts: this.restarts,
    });
    this.#worker = worker;
    this.#enter('starting');
    worker.on('message', (message: ReplicaToHost) => this.#onMessage(message));
    worker.on('error', (cause) => {
      this.error = new KvorumError('internal', `The thread of ${this.id} crashed: ${cause.message}`, { cause });
      this.#options.logger.error('replica_crashed', { replica: this.id, error: cause.message, stack: cause.stack });
    });
    worker.on('exit', (code) => this.#onExit(worker, code));
  }

  #createWorker(start: ReplicaStart): Worker {
    const module = this.#options.workerModule ?? new URL('./worker.js', import.meta.url);
    return new Worker(module, { workerData: start, name: `kvorum ${this.id}` });
  }

  #onMessage(message: ReplicaToHost): void {
    switch (message.type) {
      case 'ready':
        this.endpoints = message.endpoints;
        this.error = null;
        // It may have been told to drain while it was starting: it will, as soon as it reads that.
        if (this.#state === 'starting') this.#enter('ready');
        return;
      case 'role':
        this.roles.set(message.role.group, message.role);
        this.#options.events.onChanged(this);
        return;
      case 'failed':
        this.error = new KvorumError(message.code, message.detail);
        if (message.fatal && this.#state !== 'draining') this.#enter('failed');
        return;
      case 'stopped':
        this.#enter('stopped');
        return;
    }
  }

  #onExit(worker: Worker, code: number): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.roles.clear();
    if (this.#state === 'starting' || this.#state === 'ready') this.#afterCrash(code);
    else if (this.#state === 'draining') this.#enter('stopped');
    for (const ended of this.#waitingForEnd.splice(0)) ended();
  }

  #afterCrash(code: number): void {
    const { supervisor } = this.#options.topology;
    const nowMs = this.#options.clock.monotonicMs();
    this.#crashesMs = [...this.#crashesMs.filter((at) => nowMs - at < supervisor.crashLoopWindowMs), nowMs];
    const crashes = this.#crashesMs.length;
    this.#options.logger.warn('replica_exited', { replica: this.id, code, crashes });
    if (crashes >= supervisor.crashLoopCount) {
      this.error ??= new KvorumError('internal', `The thread of ${this.id} ended with code ${code}`);
      this.#options.logger.error('crash_loop', { replica: this.id, crashes, windowMs: supervisor.crashLoopWindowMs });
      this.#enter('failed');
      return;
    }
    this.#enter('backing-off');
    const pauseMs = Math.min(supervisor.backoffMaxMs, supervisor.backoffMinMs * 2 ** (crashes - 1));
    this.#cancelRestart = this.#options.scheduler.after(pauseMs, () => {
      this.restarts++;
      this.start();
    });
  }

  #enter(state: ReplicaState): void {
    this.#state = state;
    this.#options.events.onChanged(this);
  }

  /** Ends the thread as a crash would, for tests of failover; the supervisor starts it again. */
  async kill(): Promise<void> {
    await this.#worker?.terminate();
  }

  /** Resolves when the replica has drained and its thread has ended. */
  async drain(): Promise<void> {
    this.#cancelRestart();
    if (this.#worker === null || this.#state === 'failed') {
      if (this.#state === 'backing-off') this.#enter('stopped');
      return;
    }
    this.#enter('draining');
    this.#post({ type: 'drain' });
    const { timing } = this.#options.topology;
    const cancel = this.#options.scheduler.after(timing.drainTimeoutMs + DRAIN_GRACE_MS, () => {
      this.#options.logger.error('drain_timed_out', { replica: this.id });
      void this.#worker?.terminate();
    });
    await this.#ended();
    cancel();
  }

  /** Ends the thread now. What was acknowledged is on disk; what was not is unknown. */
  async stop(): Promise<void> {
    this.#cancelRestart();
    if (this.#worker === null) {
      if (this.#state === 'backing-off') this.#enter('stopped');
      return;
    }
    this.#enter('draining');
    await this.#worker.terminate();
  }

  #post(message: HostToReplica): void {
    this.#worker?.postMessage(message);
  }

  #ended(): Promise<void> {
    if (this.#worker === null) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForEnd.push(resolve));
  }
}
