import { Kind } from '../../../src/workload/kinds.js';
import type { Failure, Lane, LaneEvents, LaneFactory } from '../../../src/workload/lane.js';
import type { VirtualTime } from './virtual-time.js';

export interface FakeServer {
  readonly time: VirtualTime;
  /** When the answer to a request that is sent at `sentMs` comes; Infinity: never. */
  answerAtMs(sentMs: number): number;
  /** What is answered to a request; null: success. */
  failureAt?(sentMs: number): Failure | null;
  /** Not reachable. */
  readonly refused?: boolean;
}

/** A connection to a server of a few lines, on virtual time. */
export class FakeLane implements Lane {
  readonly sent: { readonly kind: Kind; readonly key: number; readonly sentMs: number }[] = [];
  readonly #server: FakeServer;
  readonly #events: LaneEvents;
  readonly #pipeline: number;
  #inFlight = new Set<readonly [Kind, number, number]>();
  #queued: (readonly [Kind, number, number])[] = [];
  #up = false;
  closed = false;

  constructor(server: FakeServer, events: LaneEvents, pipeline: number) {
    this.#server = server;
    this.#events = events;
    this.#pipeline = pipeline;
  }

  get free(): number {
    return this.#up ? this.#pipeline - this.#inFlight.size : 0;
  }

  open(): void {
    this.#server.time.at(0, () => {
      if (this.#server.refused === true) {
        this.#events.down({
          code: 'cannot_connect',
          message: 'fake:1 cannot be reached: ECONNREFUSED',
          unknown: false,
        });
        return;
      }
      this.#up = true;
      this.#events.room();
    });
  }

  submit(kind: Kind, key: number, startMs: number): void {
    if (this.free <= 0) throw new Error('there is no room');
    const request = [kind, key, startMs] as const;
    this.#inFlight.add(request);
    this.#queued.push(request);
  }

  flush(): void {
    const { time } = this.#server;
    const sentMs = time.clock.monotonicMs();
    for (const request of this.#queued.splice(0)) {
      const [kind, key, startMs] = request;
      this.sent.push({ kind, key, sentMs });
      const atMs = this.#server.answerAtMs(sentMs);
      if (atMs === Infinity) continue;
      time.at(atMs, () => {
        if (this.closed) return;
        this.#inFlight.delete(request);
        const failure = this.#server.failureAt?.(sentMs) ?? null;
        this.#events.done(kind, key, startMs, time.clock.monotonicMs(), failure, failure === null);
        this.#events.room();
      });
    }
  }

  tick(): void {}

  close(code: string | null): void {
    if (this.closed) return;
    this.closed = true;
    this.#up = false;
    if (code === null) return;
    const nowMs = this.#server.time.clock.monotonicMs();
    for (const [kind, key, startMs] of this.#inFlight) {
      this.#events.done(kind, key, startMs, nowMs, { code, message: 'no answer', unknown: true }, false);
    }
  }
}

/** Lanes to one server, and what they have sent. */
export function fakeLanes(
  server: FakeServer,
  count: number,
  pipeline: number,
): { readonly factories: LaneFactory[]; readonly lanes: FakeLane[] } {
  const lanes: FakeLane[] = [];
  const factories = Array.from({ length: count }, () => (events: LaneEvents) => {
    const lane = new FakeLane(server, events, pipeline);
    lanes.push(lane);
    return lane;
  });
  return { factories, lanes };
}

export const READS = { kind: Kind.READ, key: 1, left: Infinity, draw: (): void => undefined };
