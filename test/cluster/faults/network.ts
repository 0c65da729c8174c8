import { assertDefined } from '../../../src/base/assert.js';
import type { Prng } from '../../../src/base/prng.js';
import { portsBelowEphemeral } from '../ports.js';
import type { PipeFaults } from './fault-pipe.js';
import { TcpProxy } from './tcp-proxy.js';

/** Where one replica runs and listens. */
export interface Place {
  readonly id: string;
  readonly host: string;
  readonly peerPort: number;
  readonly httpPort: number;
  readonly redisPort: number;
  /** Goes before the command that starts the replica's host process. */
  readonly wrapper: readonly string[];
}

/** How the replicas of a cluster reach each other, and how they are kept from it. */
export interface FaultNetwork {
  readonly places: readonly Place[];
  /** Where `from` is told to dial `to`. */
  dialled(from: string, to: string): string;
  /** What `from` sends does not arrive at `to`. */
  cut(from: string, to: string): void;
  /** Everything arrives again, and everybody listens. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** Names for n replicas. */
export function replicaIds(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `n${at + 1}`);
}

function pairKey(from: string, to: string): string {
  return `${from}>${to}`;
}

/** The loopback interface, with a proxy on each directed link: `a` dials `b` through a proxy that only `a` knows. */
export class ProxyNetwork implements FaultNetwork {
  readonly places: readonly Place[];
  readonly #proxies: ReadonlyMap<string, TcpProxy>;

  private constructor(places: readonly Place[], proxies: ReadonlyMap<string, TcpProxy>) {
    this.places = places;
    this.#proxies = proxies;
  }

  static async create(count: number, prng: Prng): Promise<ProxyNetwork> {
    const ids = replicaIds(count);
    const ports = await portsBelowEphemeral(count * 3 + count * (count - 1));
    const next = (): number => assertDefined(ports.pop(), 'enough ports were asked for');
    const places = ids.map((id): Place => ({
      id,
      host: '127.0.0.1',
      peerPort: next(),
      httpPort: next(),
      redisPort: next(),
      wrapper: [],
    }));
    const proxies = new Map<string, TcpProxy>();
    for (const from of places) {
      for (const to of places) {
        if (from === to) continue;
        const key = pairKey(from.id, to.id);
        const target = { host: to.host, port: to.peerPort };
        proxies.set(key, await TcpProxy.listen({ port: next(), target, prng: prng.fork(key) }));
      }
    }
    return new ProxyNetwork(places, proxies);
  }

  /** The proxy through which `from` dials `to`. */
  link(from: string, to: string): TcpProxy {
    return assertDefined(this.#proxies.get(pairKey(from, to)), 'both are replicas');
  }

  get links(): readonly TcpProxy[] {
    return [...this.#proxies.values()];
  }

  dialled(from: string, to: string): string {
    return `127.0.0.1:${this.link(from, to).port}`;
  }

  /** What `from` sends to `to`: messages on the connection that it dialled, acknowledgements on the other one. */
  affect(from: string, to: string, faults: Partial<PipeFaults>): void {
    this.link(from, to).set('forward', faults);
    this.link(to, from).set('backward', faults);
  }

  cut(from: string, to: string): void {
    this.affect(from, to, { cut: true });
  }

  async heal(): Promise<void> {
    await Promise.all(this.links.map((link) => link.heal()));
  }

  async close(): Promise<void> {
    await Promise.all(this.links.map((link) => link.close()));
  }
}
