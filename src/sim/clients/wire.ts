import type { Prng } from '../../base/prng.js';
import type { ReplicaId } from '../../base/brand.js';
import type { Command, CommandResult, KvReader } from '../../kv/types.js';
import type { Consistency, ReadWaiter, WriteWaiter } from '../../replica/router.js';
import { chance } from '../plan/dice.js';
import type { ClientLinks } from '../plan/plan.js';
import { exponential } from '../world/chance.js';
import { Violation, type Observer, type SimProcess, type World } from '../world/types.js';
import { answerOfError, answerOfResult, type Answer } from './answer.js';
import type { History } from './history.js';

/** What a client asks a replica for. */
export type Request =
  | { readonly type: 'write'; readonly command: Command }
  | { readonly type: 'read'; readonly key: string; readonly consistency: Consistency };

/** Of connections that break when a replica ends, those whose client is told. The others hear nothing more. */
const RESET_SEEN = 0.7;

export interface ClientWireOptions {
  readonly world: World;
  readonly links: ClientLinks;
  readonly prng: Prng;
  readonly history: History;
  readonly observers: readonly Observer[];
}

interface InFlight {
  readonly process: SimProcess;
  lost(): void;
}

/**
 * The way between clients and replicas: requests and replies are late, or lost. What a replica says is told to the
 * checkers at the instant when it is said, and to the client when it arrives.
 */
export class ClientWire {
  links: ClientLinks;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #history: History;
  readonly #observers: readonly Observer[];
  readonly #inFlight = new Set<InFlight>();
  #acknowledged = 0;

  constructor(options: ClientWireOptions) {
    this.#world = options.world;
    this.links = options.links;
    this.#prng = options.prng;
    this.#history = options.history;
    this.#observers = options.observers;
  }

  /** The highest revision that any client was told. */
  get acknowledgedRevision(): number {
    return this.#acknowledged;
  }

  /** Tells clients that the connection to a replica broke. */
  get observer(): Observer {
    return {
      onCrashed: (process) => {
        for (const request of this.#inFlight) if (request.process === process) request.lost();
      },
    };
  }

  /** Sends a request; `onAnswer` is called at most once, later, or never. Returns how to stop listening. */
  send(to: SimProcess, request: Request, onAnswer: (answer: Answer, from: ReplicaId) => void): () => void {
    const { time } = this.#world;
    const inFlight: InFlight = {
      process: to,
      lost: () => {
        this.#inFlight.delete(inFlight);
        if (chance(this.#prng, RESET_SEEN)) deliver({ type: 'lost' });
      },
    };
    let listening = true;
    const deliver = (answer: Answer): void => {
      this.#inFlight.delete(inFlight);
      time.after(this.#delay(), () => {
        if (!listening) return;
        listening = false;
        onAnswer(answer, to.id);
      });
    };
    const reply = (answer: Answer): void => {
      if (chance(this.#prng, this.links.replyLoss)) this.#inFlight.delete(inFlight);
      else deliver(answer);
    };
    if (!chance(this.#prng, this.links.requestLoss)) {
      time.after(this.#delay(), () => {
        this.#inFlight.add(inFlight);
        if (!this.#enter(to, request, reply)) deliver({ type: 'refused' });
      });
    }
    return () => {
      listening = false;
      this.#inFlight.delete(inFlight);
    };
  }

  #delay(): number {
    return this.links.delayMinMs + this.links.delayMeanMs * exponential(this.#prng);
  }

  #enter(process: SimProcess, request: Request, reply: (answer: Answer) => void): boolean {
    return process.request((keyspace) => {
      if (request.type === 'write') keyspace.submit(request.command, this.#writeWaiter(process, reply), 0);
      else keyspace.read(request.consistency, this.#readWaiter(process, request, reply), 0);
    });
  }

  #writeWaiter(process: SimProcess, reply: (answer: Answer) => void): WriteWaiter {
    const written = (answer: Answer, changed: boolean): void => {
      if (changed && answer.type === 'written') this.#guard(() => this.#told(process, answer.revision));
      reply(answer);
    };
    return {
      onPut: (_token, created, revision) =>
        written({ type: 'written', status: created ? 'created' : 'replaced', integer: null, revision }, true),
      onResult: (_token, result) => written(answerOfResult(result), hasChanged(result)),
      onError: (_token, error) => reply(answerOfError(error)),
    };
  }

  /** Production code is on the stack, and must not take a violation for a failure of its own. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#world.time.after(0, () => {
        throw error;
      });
    }
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
        this.#guard(() => {
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

function readAnswer(reader: KvReader, key: string): Extract<Answer, { type: 'read' }> {
  const item = reader.get(key);
  return {
    type: 'read',
    value: item === undefined ? null : Buffer.from(item.source.subarray(item.start, item.end)).toString('latin1'),
    revision: reader.revision,
    itemRevision: item?.modRevision ?? 0,
  };
}

/** Kept results were told before, perhaps by a replica that is gone: nothing new is promised. */
function hasChanged(result: CommandResult): boolean {
  return result.error === null && !result.duplicate && result.operations.some(({ revision }) => revision > 0);
}
