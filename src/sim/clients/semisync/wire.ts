import type { Prng } from '../../../base/prng.js';
import type { ReplicaId } from '../../../base/brand.js';
import type { KvorumError } from '../../../base/errors/error.js';
import type { Keyspace, ReadWaiter, SemisyncConsistency, WriteWaiter } from '../../../replica/router.js';
import type { ReadChecks } from '../../checks/semisync/reads.js';
import type { ClientLinks } from '../../plan/plan.js';
import type { Observer, SimProcess, World } from '../../world/types.js';
import { answerOfError, answerOfResult, type Answer } from '../answer.js';
import { Courier, guarded } from '../courier.js';
import type { History } from '../history.js';
import { hasChanged, readAnswer, type Request } from '../wire.js';

export interface SemisyncWireOptions {
  readonly world: World;
  readonly links: ClientLinks;
  readonly prng: Prng;
  readonly history: History;
  readonly observers: readonly Observer[];
  readonly reads: ReadChecks;
  /** Every key that may exist: a read looks at all of them, as a scan does. */
  readonly keys: readonly string[];
  /** Counts a refusal. */
  onRefused(code: string): void;
}

type Read = Extract<Request, { type: 'read' }>;

/** The way between clients and replicas of a leader-follower group. Who does not lead says who does, as the API does. */
export class SemisyncWire {
  readonly #options: SemisyncWireOptions;
  readonly #courier: Courier;
  #acknowledged = 0;

  constructor(options: SemisyncWireOptions) {
    this.#options = options;
    this.#courier = new Courier(options.world, options.links, options.prng);
  }

  get observer(): Observer {
    return this.#courier.observer;
  }

  set links(links: ClientLinks) {
    this.#courier.links = links;
  }

  send(to: SimProcess, request: Request, onAnswer: (answer: Answer, from: ReplicaId) => void): () => void {
    return this.#courier.send<Answer>(to, (reply) => this.#enter(to, request, reply), onAnswer);
  }

  #enter(process: SimProcess, request: Request, reply: (answer: Answer) => void): boolean {
    return process.request((keyspace) => {
      const { seen } = request;
      const session = seen === undefined ? {} : { seen };
      if (request.type === 'write') {
        keyspace.submit(request.command, this.#writeWaiter(process, keyspace, reply), 0, session);
      } else {
        const { maxStalenessMs } = request;
        const bound = maxStalenessMs === undefined ? {} : { maxStalenessMs };
        keyspace.read(request.consistency, this.#readWaiter(process, keyspace, request, reply), 0, {
          ...session,
          ...bound,
        });
      }
    });
  }

  #onError(keyspace: Keyspace, error: KvorumError, reply: (answer: Answer) => void): void {
    this.#options.onRefused(error.code);
    reply({ ...answerOfError(error), leader: keyspace.leader()?.id ?? null });
  }

  #writeWaiter(process: SimProcess, keyspace: Keyspace, reply: (answer: Answer) => void): WriteWaiter {
    const { world } = this.#options;
    const written = (answer: Answer, changed: boolean): void => {
      if (answer.type !== 'written') return reply(answer);
      if (changed) guarded(world, () => this.#told(process, answer.revision));
      reply({ ...answer, epoch: keyspace.semisync?.epoch ?? 0 });
    };
    return {
      onPut: (_token, created, revision) =>
        written({ type: 'written', status: created ? 'created' : 'replaced', integer: null, revision }, true),
      onResult: (_token, result) => written(answerOfResult(result), hasChanged(result)),
      onError: (_token, error) => this.#onError(keyspace, error, reply),
    };
  }

  #told(process: SimProcess, revision: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, revision);
    for (const observer of this.#options.observers) observer.onAcknowledged?.(process, revision);
  }

  /** `floor` is taken as the request enters the replica: whoever was told something before that must be seen. */
  #readWaiter(process: SimProcess, keyspace: Keyspace, read: Read, reply: (answer: Answer) => void): ReadWaiter {
    const floor = this.#acknowledged;
    const { history, keys, reads, world } = this.#options;
    const began = reads.began();
    return {
      onReadable: (_token, reader) => {
        const answer = readAnswer(reader, read.key);
        guarded(world, () => {
          const { revision } = answer;
          for (const key of keys) {
            const { itemRevision, value } = readAnswer(reader, key);
            const entry = reads.entryOf(process, itemRevision);
            if (entry !== null) history.sighted(process.id, key, itemRevision, value, entry);
          }
          const consistency = read.consistency as SemisyncConsistency;
          const { maxStalenessMs = null, seen = null } = read;
          reads.onServed(process, { consistency, revision, floor, seen, maxStalenessMs, began });
          for (const observer of this.#options.observers) observer.onRead?.(process, revision, floor);
        });
        reply({ ...answer, epoch: keyspace.semisync?.epoch ?? 0 });
      },
      onError: (_token, error) => this.#onError(keyspace, error, reply),
    };
  }
}
