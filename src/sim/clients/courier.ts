import type { ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import { chance } from '../plan/dice.js';
import type { ClientLinks } from '../plan/plan.js';
import { exponential } from '../world/chance.js';
import { Excused, Violation, type Observer, type SimProcess, type World } from '../world/types.js';

/** What a client hears when there is no answer: nobody listens there, or the connection broke meanwhile. */
export type NoAnswer = { readonly type: 'refused' } | { readonly type: 'lost' };

/** Of connections that break when a replica ends, those whose client is told. The others hear nothing more. */
const RESET_SEEN = 0.7;

interface InFlight {
  readonly process: SimProcess;
  lost(): void;
}

/** Carries requests and replies, whatever is in them: late, or never. */
export class Courier {
  links: ClientLinks;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #inFlight = new Set<InFlight>();

  constructor(world: World, links: ClientLinks, prng: Prng) {
    this.#world = world;
    this.links = links;
    this.#prng = prng;
  }

  /** Tells clients that the connection to a replica broke. */
  get observer(): Observer {
    return {
      onCrashed: (process) => {
        for (const request of this.#inFlight) if (request.process === process) request.lost();
      },
    };
  }

  /**
   * `enter` hands the request to the replica, false when that does not run. `onAnswer` is called at most once, later, or
   * never. Returns how to stop listening.
   */
  send<A>(
    to: SimProcess,
    enter: (reply: (answer: A) => void) => boolean,
    onAnswer: (answer: A | NoAnswer, from: ReplicaId) => void,
  ): () => void {
    const { time } = this.#world;
    const inFlight: InFlight = {
      process: to,
      lost: () => {
        this.#inFlight.delete(inFlight);
        if (chance(this.#prng, RESET_SEEN)) deliver({ type: 'lost' });
      },
    };
    let listening = true;
    const deliver = (answer: A | NoAnswer): void => {
      this.#inFlight.delete(inFlight);
      time.after(this.#delay(), () => {
        if (!listening) return;
        listening = false;
        onAnswer(answer, to.id);
      });
    };
    const reply = (answer: A): void => {
      if (chance(this.#prng, this.links.replyLoss)) this.#inFlight.delete(inFlight);
      else deliver(answer);
    };
    if (!chance(this.#prng, this.links.requestLoss)) {
      time.after(this.#delay(), () => {
        this.#inFlight.add(inFlight);
        if (!enter(reply)) deliver({ type: 'refused' });
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
}

/** Production code is on the stack, and must not take a violation for a failure of its own. */
export function guarded(world: World, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof Violation || error instanceof Excused)) throw error;
    world.time.after(0, () => {
      throw error;
    });
  }
}
