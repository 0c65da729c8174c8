import { assertDefined } from '../../../src/base/assert.js';
import type { Prng } from '../../../src/base/prng.js';
import { giveBackPorts, portsBelowEphemeral } from '../ports.js';
import type { PipeFaults } from './fault-pipe.js';
import { TcpProxy } from './tcp-proxy.js';

/** Where one replica runs and listens. */
export interface Place {
  readonly id: string;
  readonly host: string;
  readonly peerPort: number;
  readonly httpPort: number;
  readonly redisPort: number;
  /** It is not among the first replicas: every topology says so, and it waits to be added. */
  readonly joining: boolean;
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

/** A network on which places come and go. */
export interface GrowingNetwork extends FaultNetwork {
  /** Further places, for replicas that join. */
  extend(count: number): Promise<void>;
  /** Places where nobody will ever live again. */
  abandon(ids: ReadonlySet<string>): Promise<void>;
}

/** Names for n replicas. */
export function replicaIds(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, at) => `n${from + at}`);
}

function pairKey(from: string, to: string): string {
  return `${from}>${to}`;
}

/** The loopback interface, with a proxy on each directed link: `a` dials `b` through a proxy that only `a` knows. */
export class ProxyNetwork implements GrowingNetwork {
  readonly #proxies = new Map<string, TcpProxy>();
  readonly #prng: Prng;
  #places: readonly Place[] = [];
  #named = 0;

  private constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** Places for `first` replicas, and `spare` ones for those that come later. */
  static async create(first: number, prng: Prng, spare = 0): Promise<ProxyNetwork> {
    const network = new ProxyNetwork(prng);
    await network.#add(first, false);
    await network.extend(spare);
    return network;
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  async extend(count: number): Promise<void> {
    await this.#add(count, true);
  }

  async abandon(ids: ReadonlySet<string>): Promise<void> {
    const abandoned = this.#places.filter(({ id }) => ids.has(id));
    this.#places = this.#places.filter(({ id }) => !ids.has(id));
    giveBackPorts(abandoned.flatMap(({ httpPort, peerPort, redisPort }) => [httpPort, peerPort, redisPort]));
    for (const [key, proxy] of this.#proxies) {
      const [from = '', to = ''] = key.split('>');
      if (!ids.has(from) && !ids.has(to)) continue;
      this.#proxies.delete(key);
      await proxy.close();
      giveBackPorts([proxy.port]);
    }
  }

  async #add(count: number, joining: boolean): Promise<void> {
    const links = count * (count - 1) + 2 * count * this.#places.length;
    const ports = await portsBelowEphemeral(count * 3 + links);
    const next = (): number => assertDefined(ports.pop(), 'enough ports were asked for');
    const added = replicaIds(count, this.#named + 1).map((id): Place => {
      return { id, host: '127.0.0.1', peerPort: next(), httpPort: next(), redisPort: next(), joining, wrapper: [] };
    });
    this.#named += count;
    this.#places = [...this.#places, ...added];
    for (const from of this.#places) {
      for (const to of this.#places) {
        const key = pairKey(from.id, to.id);
        if (from === to || this.#proxies.has(key)) continue;
        const target = { host: to.host, port: to.peerPort };
        this.#proxies.set(key, await TcpProxy.listen({ port: next(), target, prng: this.#prng.fork(key) }));
      }
    }
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
