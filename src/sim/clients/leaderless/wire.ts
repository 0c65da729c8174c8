import type { ReplicaId } from '../../../base/brand.js';
import type { Dot, Vector } from '../../../base/dot.js';
import type { KvorumError } from '../../../base/errors/error.js';
import type { Prng } from '../../../base/prng.js';
import type { CommandResult, Item, KvReader } from '../../../kv/types.js';
import type { ReadWaiter, Seen, WriteWaiter } from '../../../replica/router.js';
import { appliedBy } from '../../checks/leaderless/facts.js';
import type { PromiseChecks } from '../../checks/leaderless/promises.js';
import type { ClientLinks } from '../../plan/plan.js';
import type { Observer, SimProcess, World } from '../../world/types.js';
import { Courier, guarded } from '../courier.js';
import type { LeaderlessAnswer, Shown } from './answer.js';

export type SimLevel = 'one' | 'quorum' | 'all';

interface RequestBase {
  readonly key: string;
  readonly level: SimLevel;
  /** The client's session; null: it has none. */
  readonly seen: Seen | null;
}

/** What a client asks a replica for. */
export type LeaderlessRequest =
  | (RequestBase & { readonly type: 'read' })
  | (RequestBase & {
      readonly type: 'write';
      /** Null: a delete. */
      readonly value: string | null;
      readonly ttlMs: number | null;
      readonly context: readonly Dot[] | null;
    });

type Write = Extract<LeaderlessRequest, { type: 'write' }>;

export interface LeaderlessWireOptions {
  readonly world: World;
  readonly links: ClientLinks;
  readonly prng: Prng;
  readonly promises: PromiseChecks;
}

/** The way between clients and replicas without a leader. What is said is checked at the instant when it is said. */
export class LeaderlessWire {
  readonly #world: World;
  readonly #courier: Courier;
  readonly #promises: PromiseChecks;

  constructor({ links, prng, promises, world }: LeaderlessWireOptions) {
    this.#world = world;
    this.#courier = new Courier(world, links, prng);
    this.#promises = promises;
  }

  get observer(): Observer {
    return this.#courier.observer;
  }

  set links(links: ClientLinks) {
    this.#courier.links = links;
  }

  /** `onAnswer` is called at most once, later, or never. Returns how to stop listening. */
  send(
    to: SimProcess,
    request: LeaderlessRequest,
    onAnswer: (answer: LeaderlessAnswer, from: ReplicaId) => void,
  ): () => void {
    return this.#courier.send<LeaderlessAnswer>(to, (reply) => this.#enter(to, request, reply), onAnswer);
  }

  #enter(process: SimProcess, request: LeaderlessRequest, reply: (answer: LeaderlessAnswer) => void): boolean {
    return process.request((keyspace) => {
      const options = request.seen === null ? {} : { seen: request.seen };
      if (request.type === 'read') {
        const floor = this.#promises.floorOf(request.key, request.level);
        const waiter = this.#readWaiter(process, request, floor, reply);
        keyspace.read(request.level, waiter, 0, { ...options, keys: [request.key] });
        return;
      }
      const { context, key, level, value } = request;
      this.#promises.onSubmitted(request);
      const waiter = this.#writeWaiter(process, request, reply);
      const all = { ...options, level, ...(context === null ? {} : { context }), ...this.#expiry(process, request) };
      if (value === null) keyspace.submit({ operations: [{ op: 'delete', key }] }, waiter, 0, all);
      else keyspace.put(refOf(key), refOf(value), waiter, 0, all);
    });
  }

  /** The time comes from the replica's clock, as in the HTTP layer. */
  #expiry({ leaderless }: SimProcess, { ttlMs }: Write): { readonly expiresAtMs?: number } {
    if (ttlMs === null || leaderless === null) return {};
    return { expiresAtMs: leaderless.reader.nowMs + ttlMs };
  }

  #writeWaiter(process: SimProcess, request: Write, reply: (answer: LeaderlessAnswer) => void): WriteWaiter {
    const done = (dot: Dot | null, counter: number): void => {
      const vector = new Map(appliedBy(process));
      guarded(this.#world, () => this.#promises.onWritten(process, request, dot));
      reply({ type: 'written', dot, counter, vector });
    };
    return {
      onPut: (_token, _created, revision, dot) => done(dot ?? null, revision),
      onResult: (_token, result) => done(result.dot ?? null, counterOf(result)),
      onError: (_token, error) => this.#onError(process, request, error, reply),
    };
  }

  #readWaiter(
    process: SimProcess,
    request: LeaderlessRequest,
    floor: ReturnType<PromiseChecks['floorOf']>,
    reply: (answer: LeaderlessAnswer) => void,
  ): ReadWaiter {
    return {
      onReadable: (_token, reader) => {
        const shown = shownBy(reader, request.key);
        const vector: Vector = new Map(appliedBy(process));
        guarded(this.#world, () => this.#promises.onRead(process, request, shown, floor));
        reply({ type: 'read', shown, vector });
      },
      onError: (_token, error) => this.#onError(process, request, error, reply),
    };
  }

  #onError(
    process: SimProcess,
    request: LeaderlessRequest,
    error: KvorumError,
    reply: (answer: LeaderlessAnswer) => void,
  ): void {
    guarded(this.#world, () => this.#promises.onRefused(process, request, error));
    reply({ type: 'error', code: error.code, hint: error.spec.retry });
  }
}

function refOf(text: string): { readonly source: Uint8Array; readonly start: number; readonly end: number } {
  const source = Buffer.from(text, 'latin1');
  return { source, start: 0, end: source.length };
}

function counterOf({ dot, revision }: CommandResult): number {
  return dot === undefined ? 0 : revision;
}

function shownBy(reader: KvReader, key: string): Shown {
  const item = reader.get(key);
  const version = reader.version?.(key) ?? null;
  return { values: valuesOf(item), dots: version?.dots ?? null, counter: version?.counter ?? 0 };
}

function valuesOf(item: Item | undefined): Shown['values'] {
  if (item === undefined) return [];
  const all = item.siblings ?? (item.dot === undefined ? [] : [{ ...item, dot: item.dot }]);
  return all.map(({ dot, end, source, start }) => ({
    value: Buffer.from(source.subarray(start, end)).toString('latin1'),
    dot,
  }));
}
