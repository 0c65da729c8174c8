import { assertDefined } from '../../../src/base/assert.js';
import type { Prng } from '../../../src/base/prng.js';
import type { Session } from '../../../src/client/client.js';
import { callerFor, type Caller, type Protocol } from './callers.js';
import type { FaultCluster } from './fault-cluster.js';
import { History, type Ending, type Intent } from './history.js';

export interface WorkloadOptions {
  readonly cluster: FaultCluster;
  readonly prng: Prng;
  /** Half of them speak HTTP, half the Redis protocol. */
  readonly clients: number;
  readonly keyspace?: string;
  readonly keys?: number;
  /** A client rests so long between two requests: bounds what the checker has to do. */
  readonly restMs?: number;
  /** When an epoch has so many operations its clients wait for the next one: bounds the memory of a long run. */
  readonly epochOperationsMax?: number;
}

/** Workloads of this process so far: each has keys and sessions of its own, also on the same cluster. */
let workloads = 0;

export type Tally = Record<string, number>;

/** A request takes no longer; the replicas' own answer (timing.requestTimeoutMs) comes before. */
const TIMEOUT_MS = 2000;
/** After a request that failed: nobody may be there to connect to. */
const BACKOFF_MS = 25;
/** How often a request without an answer is sent again under its session, before its client gives up. */
const SESSION_TRIES = 3;
const KEYS = 5;

/**
 * Clients in closed loops, through both protocols at once, to all replicas
 * that there are. Keys are new for every epoch, which bounds
 * what a check of linearizability has to look at.
 */
export class Workload {
  /** `<protocol>.<outcome>`, and failures by code. */
  readonly tally: Tally = {};
  readonly #options: WorkloadOptions;
  readonly #name = `w${++workloads}`;
  #history = new History();
  #epoch = 0;
  /** Clients that wait for the next epoch. */
  #waiting: (() => void)[] = [];
  #running = true;
  #clientIds = 0;
  #values = 0;
  /** Requests that were begun in an earlier epoch, and are waited for at its end. */
  #pending = new Set<Promise<void>>();
  #done: Promise<unknown> = Promise.resolve();

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  start(): void {
    const { clients, prng } = this.#options;
    const loops = Array.from({ length: clients }, (_, at) =>
      this.#run(at % 2 === 0 ? 'http' : 'redis', prng.fork(`client ${at}`), at >> 1),
    );
    this.#done = Promise.all(loops);
    // A failed assertion in a client shows up in `stop`; until then it must not end the process.
    this.#done.catch(() => undefined);
  }

  /** New keys from now on. Resolves to what was done to the old ones, when the last request to them has ended. */
  async nextEpoch(): Promise<History> {
    const history = this.#history;
    const pending = this.#pending;
    this.#history = new History();
    this.#pending = new Set();
    this.#epoch++;
    this.#release();
    await Promise.all(pending);
    return history;
  }

  /** Resolves to the history of the last epoch when every client has ended. Rejects when one failed. */
  async stop(): Promise<History> {
    this.#running = false;
    this.#release();
    await this.#done;
    return this.#history;
  }

  /** What all protocols together counted for an outcome. */
  count(outcome: string): number {
    return (this.tally[`http.${outcome}`] ?? 0) + (this.tally[`redis.${outcome}`] ?? 0);
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #run(protocol: Protocol, prng: Prng, home: number): Promise<void> {
    const { cluster, epochOperationsMax = Infinity, keyspace = 'default', restMs = 0 } = this.#options;
    const callers = new Callers(cluster, protocol, keyspace);
    let client = ++this.#clientIds;
    let seq = 0;
    let at = home;
    const lastSeen = new Map<string, string | null>();
    while (this.#running && !cluster.closed) {
      if (this.#history.operations.length >= epochOperationsMax) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      const intent = this.#intent(protocol, prng, client, lastSeen);
      const session =
        protocol === 'http' && prng.between(0, 1) === 0 ? { clientId: `${this.#name}-c${client}`, seq: ++seq } : null;
      const ending = await this.#perform(callers, at, client, intent, session);
      this.#count(protocol, ending);
      // An unknown one may still take effect: whoever goes on is somebody else (reliability.md §4.2).
      if (ending.outcome === 'unknown') [client, seq] = [++this.#clientIds, 0];
      if (intent.kind === 'get' && ending.outcome === 'ok') lastSeen.set(intent.key, ending.value ?? null);
      const failed = ending.outcome === 'unknown' || ending.outcome === 'failed';
      if (failed) at = prng.between(0, cluster.replicas.length - 1);
      const waitMs = failed ? BACKOFF_MS : restMs;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    callers.close();
  }

  async #perform(
    callers: Callers,
    at: number,
    client: number,
    intent: Intent,
    session: Session | null,
  ): Promise<Ending> {
    const end = this.#history.begin(client, intent);
    const pending = this.#pending;
    let finished = (): void => undefined;
    const whole = new Promise<void>((resolve) => (finished = resolve));
    pending.add(whole);
    try {
      const ending = await callWithSession(callers, at, intent, session);
      end(ending);
      return ending;
    } finally {
      pending.delete(whole);
      finished();
    }
  }

  #intent(protocol: Protocol, prng: Prng, client: number, lastSeen: ReadonlyMap<string, string | null>): Intent {
    const key = `${this.#name}-e${this.#epoch}-k${prng.between(1, this.#options.keys ?? KEYS)}`;
    const value = `${client}.${++this.#values}`;
    const dice = prng.between(0, 99);
    if (dice < 50) return { kind: 'get', key, value: null };
    if (dice < 75) return { kind: 'put', key, value };
    if (dice < 82) return { kind: 'delete', key, value: null };
    if (protocol === 'redis') {
      return dice < 94 ? { kind: 'append', key, value: `${value};` } : { kind: 'cas', key, value, expected: null };
    }
    return { kind: 'cas', key, value, expected: lastSeen.get(key) ?? null };
  }

  #count(protocol: Protocol, { code, outcome }: Ending): void {
    for (const name of [`${protocol}.${outcome}`, ...(code === undefined ? [] : [`${protocol}.${outcome}.${code}`])]) {
      this.tally[name] = (this.tally[name] ?? 0) + 1;
    }
  }
}

/** One client's connections, to the replicas that there are. */
class Callers {
  readonly #cluster: FaultCluster;
  readonly #open: (id: string) => Caller;
  readonly #callers = new Map<string, Caller>();

  constructor(cluster: FaultCluster, protocol: Protocol, keyspace: string) {
    this.#cluster = cluster;
    this.#open = (id) => callerFor(protocol, cluster.replica(id), keyspace, TIMEOUT_MS);
  }

  at(place: number): Caller {
    const { replicas } = this.#cluster;
    const { id } = assertDefined(replicas[place % replicas.length], 'there are replicas');
    const caller = this.#callers.get(id) ?? this.#open(id);
    this.#callers.set(id, caller);
    for (const [other, gone] of this.#callers) {
      if (replicas.some((replica) => replica.id === other)) continue;
      gone.close();
      this.#callers.delete(other);
    }
    return caller;
  }

  close(): void {
    for (const caller of this.#callers.values()) caller.close();
  }
}

/** A request without an answer is sent again, to another replica, under the same session: it takes effect once. */
async function callWithSession(callers: Callers, at: number, intent: Intent, session: Session | null): Promise<Ending> {
  let first: Ending | null = null;
  for (let attempt = 0; attempt < SESSION_TRIES; attempt++) {
    const ending = await callers.at(at + attempt).call(intent, session);
    const answered = ending.outcome === 'ok' || ending.outcome === 'mismatch';
    // That a repetition was refused says nothing about the first attempt.
    if (answered || (first === null && ending.outcome === 'failed')) return ending;
    first ??= ending;
    if (session === null || intent.kind === 'get') break;
  }
  return assertDefined(first, 'there was an attempt');
}
