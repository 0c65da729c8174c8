import { assert, assertDefined } from '../../../base/assert.js';
import { WireError } from '../../../wire/codec.js';
import { happens } from '../chance.js';
import { EVENT } from '../event-kinds.js';
import { Violation } from '../types.js';
import { byReference, corrupted, encoded, Unpacker, type Freight } from './freight.js';
import type { NetworkContext } from './context.js';
import type { Endpoint } from './endpoint.js';
import type { Envelope, FormationMessage } from '../../../transport/transport.js';

/**
 * One connection, from the replica that dialled to the one that accepted; frames go in this direction only, as on the
 * links of TCP. In order, unless the world reorders; what is on its way when the sender dies still arrives.
 */
export class Connection {
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** False once neither end wants it any more: nothing of it arrives then. */
  open = true;
  /** Since when nothing can be heard in one direction or the other; null while all is well. */
  stalledSinceUs: number | null = null;
  readonly #context: NetworkContext;
  readonly #unpacker: Unpacker;
  readonly #queue: Freight[] = [];
  #lastUs = 0;
  #bytes = 0;

  constructor(context: NetworkContext, from: Endpoint, to: Endpoint) {
    this.#context = context;
    this.from = from;
    this.to = to;
    this.#unpacker = new Unpacker(from.self, to.self);
  }

  get queuedBytes(): number {
    return this.#bytes;
  }

  /** False when there is no room: nothing was sent then. */
  send(envelopes: readonly Envelope[], formation: FormationMessage | null): boolean {
    const { faults, prng, stats } = this.#context;
    const freight = this.#context.codec ? encoded(envelopes, formation) : byReference(envelopes, formation);
    if (this.#bytes > 0 && this.#bytes + freight.size > faults.capacityBytes) {
      stats.framesRefused++;
      return false;
    }
    stats.framesSent++;
    if (happens(prng, faults.loss)) {
      stats.framesLost++;
      return true;
    }
    const wrong = happens(prng, faults.corrupt);
    this.#ship(wrong ? corrupted(freight, prng) : freight, happens(prng, faults.reorder));
    if (happens(prng, faults.duplicate)) this.#duplicate(envelopes, formation);
    if (wrong) stats.framesCorrupted++;
    return true;
  }

  /** A link never copies forwarded proposals (transport.ts): whoever gets two would append two. */
  #duplicate(envelopes: readonly Envelope[], formation: FormationMessage | null): void {
    const copied = envelopes.filter(({ message }) => message.type !== 'forwardProposal');
    if (copied.length === 0 && formation === null) return;
    this.#context.stats.framesDuplicated++;
    this.#ship(this.#context.codec ? encoded(copied, formation) : byReference(copied, formation), true);
  }

  #ship(freight: Freight, alone: boolean): void {
    const { time, clogUntilUs } = this.#timesNow();
    this.#bytes += freight.size;
    const ownUs = Math.max(time.nowUs + this.#context.delayUs(), clogUntilUs);
    if (alone) {
      this.#schedule(ownUs, () => this.#arriveAlone(freight));
      return;
    }
    this.#lastUs = Math.max(ownUs, this.#lastUs);
    this.#queue.push(freight);
    this.#schedule(this.#lastUs, this.#arriveNext);
  }

  #schedule(atUs: number, run: () => void): void {
    this.#context.time.scheduleAt(atUs, this.to.machine.ordinal, EVENT.frame, run);
  }

  #timesNow(): { readonly time: NetworkContext['time']; readonly clogUntilUs: number } {
    const { time, paths } = this.#context;
    return { time, clogUntilUs: paths.between(this.from.self, this.to.self).clogUntilUs };
  }

  /** Whichever frame is first: a clog may have kept earlier ones. */
  readonly #arriveNext = (): void => {
    if (!this.open) return;
    const { time, clogUntilUs } = this.#timesNow();
    if (clogUntilUs > time.nowUs) this.#schedule(clogUntilUs, this.#arriveNext);
    else this.#arrive(assertDefined(this.#queue.shift(), 'one event for each frame'));
  };

  #arriveAlone(freight: Freight): void {
    const { time, clogUntilUs } = this.#timesNow();
    if (clogUntilUs > time.nowUs) this.#schedule(clogUntilUs, () => this.#arriveAlone(freight));
    else this.#arrive(freight);
  }

  #arrive(freight: Freight): void {
    if (!this.open) return;
    const { paths, stats } = this.#context;
    if (paths.between(this.from.self, this.to.self).cut !== 'none') {
      this.#bytes -= freight.size;
      stats.framesLost++;
      return;
    }
    this.to.machine.deliver(this.to.life, () => this.#take(freight));
  }

  #take(freight: Freight): void {
    if (!this.open) return;
    this.#bytes -= freight.size;
    assert(this.#bytes >= 0, 'only what was sent arrives');
    const { stats, time } = this.#context;
    try {
      const { envelopes, formation } = this.#unpacker.unpack(freight);
      stats.framesDelivered++;
      this.to.receive(this.from.self, envelopes, formation, freight.size);
    } catch (error) {
      if (error instanceof Violation) time.violate(error);
      else if (error instanceof WireError) this.#refuse(error);
      else throw error;
    }
  }

  /** Bad bytes: the receiver closes, and never looks for the next frame in the same stream (reliability.md §2.1). */
  #refuse(error: WireError): void {
    this.#context.stats.connectionsRefusedBytes++;
    this.to.countClosed(this.from.self, error.reason, error.message);
    this.close();
    this.#context.tellDialler(this, 'closed_by_peer');
  }

  close(): void {
    this.open = false;
    this.#queue.length = 0;
  }
}
