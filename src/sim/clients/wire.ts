import type { Prng } from '../../base/prng.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Command, CommandResult, KvReader } from '../../kv/types.js';
import type { Consistency, ReadWaiter, Seen, WriteWaiter } from '../../replica/router.js';
import type { ClientLinks } from '../plan/plan.js';
import type { Observer, SimProcess, World } from '../world/types.js';
import { answerOfError, answerOfResult, type Answer } from './answer.js';
import { Courier, guarded } from './courier.js';
import type { History } from './history.js';

/** What a client asks a replica for. */
export type Request =
  | { readonly type: 'write'; readonly command: Command; readonly seen?: Seen }
  | {
      readonly type: 'read';
      readonly key: string;
      readonly consistency: Consistency;
      readonly seen?: Seen;
      readonly maxStalenessMs?: number;
    };

/** Whatever carries requests to replicas and brings their answers. */
export type Sender = Pick<ClientWire, 'send'>;

export interface ClientWireOptions {
  readonly world: World;
  readonly links: ClientLinks;
  readonly prng: Prng;
  readonly history: History;
  readonly observers: readonly Observer[];
}

/**
 * The way between clients and replicas: requests and replies are late, or lost. What a replica says is told to the
 * checkers at the instant when it is said, and to the client when it arrives.
 */
export class ClientWire {
  readonly #world: World;
  readonly #courier: Courier;
  readonly #history: History;
  readonly #observers: readonly Observer[];
  #acknowledged = 0;

  constructor(options: ClientWireOptions) {
    this.#world = options.world;
    this.#courier = new Courier(options.world, options.links, options.prng);
    this.#history = options.history;
    this.#observers = options.observers;
  }

  /** The highest revision that any client was told. */
  get acknowledgedRevision(): number {
    return this.#acknowledged;
  }

  /** Tells clients that the connection to a replica broke. */
  get observer(): Observer {
    return this.#courier.observer;
  }

  get links(): ClientLinks {
    return this.#courier.links;
  }

  set links(links: ClientLinks) {
    this.#courier.links = links;
  }

  /** Sends a request; `onAnswer` is called at most once, later, or never. Returns how to stop listening. */
  send(to: SimProcess, request: Request, onAnswer: (answer: Answer, from: ReplicaId) => void): () => void {
    return this.#courier.send<Answer>(to, (reply) => this.#enter(to, request, reply), onAnswer);
  }

  #enter(process: SimProcess, request: Request, reply: (answer: Answer) => void): boolean {
    return process.request((keyspace) => {
      if (request.type === 'write') keyspace.submit(request.command, this.#writeWaiter(process, reply), 0);
      else keyspace.read(request.consistency, this.#readWaiter(process, request, reply), 0);
    });
  }

  #writeWaiter(process: SimProcess, reply: (answer: Answer) => void): WriteWaiter {
    const written = (answer: Answer, changed: boolean): void => {
      if (changed && answer.type === 'written') guarded(this.#world, () => this.#told(process, answer.revision));
      reply(answer);
    };
    return {
      onPut: (_token, created, revision) =>
        written({ type: 'written', status: created ? 'created' : 'replaced', integer: null, revision }, true),
      onResult: (_token, result) => written(answerOfResult(result), hasChanged(result)),
      onError: (_token, error) => reply(answerOfError(error)),
    };
  }

  #told(process: SimProcess, revision: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, revision);
    for (const observer of this.#observers) observer.onAcknowledged?.(process, revision);
  }

  /** `floor` is taken as the request enters the replica: whoever was told something before that must be seen. */
  #readWaiter(
    process: SimProcess,
    { consistency, key }: Extract<Request, { type: 'read' }>,
    reply: (answer: Answer) => void,
  ): ReadWaiter {
    const floor = this.#acknowledged;
    return {
      onReadable: (_token, reader) => {
        const answer = readAnswer(reader, key);
        guarded(this.#world, () => {
          this.#history.sighted(process.id, key, answer.itemRevision, answer.value);
          if (consistency === 'stale') this.#history.staleRead(process.id, answer.revision);
          else for (const observer of this.#observers) observer.onRead?.(process, answer.revision, floor);
        });
        reply(answer);
      },
      onError: (_token, error) => reply(answerOfError(error)),
    };
  }
}

export function readAnswer(reader: KvReader, key: string): Extract<Answer, { type: 'read' }> {
  const item = reader.get(key);
  return {
    type: 'read',
    value: item === undefined ? null : Buffer.from(item.source.subarray(item.start, item.end)).toString('latin1'),
    revision: reader.revision,
    itemRevision: item?.modRevision ?? 0,
  };
}

/** Kept results were told before, perhaps by a replica that is gone: nothing new is promised. */
export function hasChanged(result: CommandResult): boolean {
  return result.error === null && !result.duplicate && result.operations.some(({ revision }) => revision > 0);
}
