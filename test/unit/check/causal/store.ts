import type { Prng } from '../../../../src/base/prng.js';
import { compareVersions } from '../../../../src/check/causal/versions.js';
import type { SessionOperation } from '../../../../src/check/index.js';
import type { Operation, Version } from '../../../../src/check/operation.js';

/** What is wrong with the store; null: nothing. */
export type Fault =
  /** Reads do not wait for what the session has seen. */
  | 'no-token'
  /** Writes are applied as they come, whatever they depend on. */
  | 'no-dependencies'
  /** Replicas do not agree on who wins. */
  | 'last-come-wins';

export interface StoreOptions {
  readonly operations: number;
  readonly clients: number;
  readonly replicas?: number;
  readonly keys?: number;
  /** Share of the operations after which the client forgets what it has seen. */
  readonly drops?: number;
  readonly deletes?: number;
  /** Share of the writes of which the client hears nothing. */
  readonly unknown?: number;
  /** Versions are left out of what is recorded. */
  readonly isNameless?: boolean;
  readonly fault?: Fault | null;
}

interface Write {
  readonly replica: string;
  readonly seq: number;
  readonly key: string;
  readonly value: string | null;
  readonly version: Version;
  readonly dependencies: ReadonlyMap<string, number>;
}

interface Client {
  readonly name: number;
  session: number;
  token: Map<string, number>;
}

export interface Recorded {
  readonly history: readonly Operation[];
  /** The same with what really happened, for the session guarantees. */
  readonly truth: readonly SessionOperation[];
}

/**
 * A small causal store: replicas apply writes after what they depend on, the last writer by (Lamport, replica) wins, and
 * clients go from replica to replica with a token of what they have seen (ap.md §1.2). Links deliver late and in any order.
 */
export function simulateStore(prng: Prng, options: StoreOptions): Recorded {
  const { clients: count, drops = 0.02, fault = null, keys = 5, operations, replicas: size = 3 } = options;
  const replicas = Array.from({ length: size }, (_, at) => new Replica(`n${at + 1}`, fault));
  const clients = Array.from({ length: count }, (_, name): Client => ({ name, session: 0, token: new Map() }));
  const history: Operation[] = [];
  const truth: SessionOperation[] = [];
  for (let now = 0; history.length < operations; now++) {
    const replica = replicas[prng.between(0, size - 1)] as Replica;
    if (prng.float() < 0.5) {
      replica.deliver(prng);
      continue;
    }
    const client = clients[prng.between(0, count - 1)] as Client;
    if (fault !== 'no-token' && !replica.has(client.token)) continue;
    const key = `k${prng.between(1, keys)}`;
    const isWrite = prng.float() < 0.5;
    const item = isWrite ? replica.write(key, valueOf(prng, options, now), client.token) : replica.items.get(key);
    if (isWrite) for (const other of replicas) if (other !== replica) other.inbox.push(item as Write);
    const kind = !isWrite ? 'get' : item?.value === null ? 'delete' : 'put';
    const isUnknown = isWrite && prng.float() < (options.unknown ?? 0);
    history.push({
      client: client.name,
      session: client.session,
      kind,
      key,
      value: item?.value ?? null,
      ...(item === undefined || options.isNameless === true || isUnknown ? {} : { version: item.version }),
      call: now * 2,
      return: isUnknown ? null : now * 2 + 1,
      outcome: isUnknown ? 'unknown' : 'ok',
    });
    if (!isUnknown) {
      const dot = item === undefined ? null : { replica: item.replica, seq: item.seq };
      const vector = isWrite ? (item as Write).dependencies : new Map(replica.applied);
      truth.push({ session: `${client.name}/${client.session}`, kind, key, dot, vector });
      if (dot !== null) client.token.set(dot.replica, Math.max(dot.seq, client.token.get(dot.replica) ?? 0));
    }
    if (prng.float() < drops) {
      client.session++;
      client.token = new Map();
    }
  }
  return { history, truth };
}

function valueOf(prng: Prng, { deletes = 0.1 }: StoreOptions, now: number): string | null {
  return prng.float() < deletes ? null : `v${now}`;
}

class Replica {
  readonly items = new Map<string, Write>();
  readonly applied = new Map<string, number>();
  readonly inbox: Write[] = [];
  readonly #name: string;
  readonly #fault: Fault | null;
  #lamport = 0;

  constructor(name: string, fault: Fault | null) {
    this.#name = name;
    this.#fault = fault;
  }

  has(vector: ReadonlyMap<string, number>): boolean {
    return [...vector].every(([replica, seq]) => (this.applied.get(replica) ?? 0) >= seq);
  }

  write(key: string, value: string | null, token: ReadonlyMap<string, number>): Write {
    const dependencies = new Map(this.applied);
    if (this.#fault === 'no-token')
      for (const [replica] of token) dependencies.set(replica, this.applied.get(replica) ?? 0);
    const seq = (this.applied.get(this.#name) ?? 0) + 1;
    const version: Version = [this.#lamport + 1, this.#name];
    const write = { replica: this.#name, seq, key, value, version, dependencies };
    this.#apply(write);
    return write;
  }

  /** Applies something that has arrived and may be applied. */
  deliver(prng: Prng): void {
    const ready = this.inbox.filter(
      (write) => this.#fault === 'no-dependencies' || (this.has(write.dependencies) && this.#isNext(write)),
    );
    const write = ready[prng.between(0, ready.length - 1)];
    if (write === undefined) return;
    this.inbox.splice(this.inbox.indexOf(write), 1);
    this.#apply(write);
  }

  #isNext({ replica, seq }: Write): boolean {
    return seq === (this.applied.get(replica) ?? 0) + 1;
  }

  #apply(write: Write): void {
    const { key, replica, seq, version } = write;
    this.applied.set(replica, Math.max(seq, this.applied.get(replica) ?? 0));
    this.#lamport = Math.max(this.#lamport, version[0]);
    const known = this.items.get(key);
    const wins = known === undefined || compareVersions(version, known.version) > 0;
    if (wins || (this.#fault === 'last-come-wins' && !covers(known.dependencies, write))) this.items.set(key, write);
  }
}

function covers(vector: ReadonlyMap<string, number>, { replica, seq }: Write): boolean {
  return (vector.get(replica) ?? 0) >= seq;
}
