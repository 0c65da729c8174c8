import type { ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { LinkTimings } from '../../../transport/tcp/timings.js';
import { duration, happens } from '../chance.js';
import { EVENT } from '../event-kinds.js';
import type { LinkFaults, SimNetwork } from '../types.js';
import type { WorldTime } from '../virtual-time.js';
import type { Connection } from './connection.js';
import type { NetworkContext, NetworkStats } from './context.js';
import { Endpoint, type EndpointOptions, type Listeners } from './endpoint.js';
import { Paths } from './path.js';

export interface NetworkOptions {
  readonly time: WorldTime;
  readonly prng: Prng;
  readonly faults: LinkFaults;
  readonly timings: LinkTimings;
  /** All frames go through the production codec, not only where bytes may be damaged. */
  readonly codec: boolean;
  readonly frozen: boolean;
  /** The ordinal of a process, for the hash. */
  ordinalOf(id: string): number;
}

/** Who can reach whom, and how fast. Connections are made and lost as those of src/transport/tcp. */
export class Network implements SimNetwork, NetworkContext, Listeners {
  faults: LinkFaults;
  readonly time: WorldTime;
  readonly prng: Prng;
  readonly timings: LinkTimings;
  readonly frozen: boolean;
  readonly paths = new Paths();
  readonly stats: NetworkStats = {
    framesSent: 0,
    framesDelivered: 0,
    framesLost: 0,
    framesRefused: 0,
    framesDuplicated: 0,
    framesCorrupted: 0,
    connectionsMade: 0,
    connectionsRefusedBytes: 0,
    connectionsSilent: 0,
    handshakesRefused: {},
  };
  readonly #options: NetworkOptions;
  readonly #listening = new Map<string, Endpoint>();

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.time = options.time;
    this.prng = options.prng;
    this.timings = options.timings;
    this.frozen = options.frozen;
    this.faults = options.faults;
  }

  get codec(): boolean {
    return this.#options.codec || this.faults.corrupt > 0;
  }

  endpoint(options: EndpointOptions): Endpoint {
    return new Endpoint(this, this, options);
  }

  listener(id: string): Endpoint | null {
    return this.#listening.get(id) ?? null;
  }

  listen(endpoint: Endpoint): void {
    this.#listening.set(endpoint.self, endpoint);
    // Whoever still holds a connection to a former life hears now that nobody knows it.
    for (const link of this.#linksTo(endpoint.self)) {
      if (link.to.life !== endpoint.life) this.tellDialler(link, 'connection_lost');
    }
  }

  /** The process of `id` ends: its machine tells all who are connected. What it has sent still arrives. */
  leave(id: ReplicaId): void {
    if (!this.#listening.delete(id)) return;
    for (const link of this.#linksTo(id)) this.tellDialler(link, 'closed_by_peer');
  }

  /** The machine of `id` lost its power: nobody is told anything. */
  vanish(id: ReplicaId): void {
    this.#listening.delete(id);
    this.#watchAll();
  }

  delayUs(): number {
    const { delayMinMs, delayMeanMs, slowTail } = this.faults;
    return Math.round((delayMinMs + duration(this.prng, delayMeanMs, slowTail)) * 1000);
  }

  carry(from: string, to: string, arrive: () => void): void {
    if (happens(this.prng, this.faults.loss)) return;
    const path = this.paths.between(from, to);
    const atUs = Math.max(this.time.nowUs + this.delayUs(), path.clogUntilUs);
    this.time.scheduleAt(atUs, this.#options.ordinalOf(to), EVENT.link, () => {
      if (path.cut === 'none') arrive();
    });
  }

  tellDialler(connection: Connection, reason: string): void {
    const { from, to } = connection;
    this.carry(to.self, from.self, () => from.machine.deliver(from.life, () => this.#closed(connection, reason)));
    this.watch(connection);
  }

  cut(from: ReplicaId, to: ReplicaId, silent: boolean): void {
    this.paths.between(from, to).cut = silent ? 'silent' : 'loud';
    if (!silent) this.#closeLinks(from, to, 'connection_lost');
    this.#watchAll();
  }

  heal(from: ReplicaId, to: ReplicaId): void {
    const path = this.paths.between(from, to);
    path.cut = 'none';
    path.clogUntilUs = 0;
    this.#watchAll();
  }

  healAll(): void {
    this.paths.healAll();
    this.#watchAll();
  }

  clog(from: ReplicaId, to: ReplicaId, untilMs: number): void {
    const path = this.paths.between(from, to);
    const untilUs = Math.round(untilMs * 1000);
    if (untilUs <= this.time.nowUs) return;
    path.clogUntilUs = untilUs;
    this.#watchAll();
    this.time.scheduleAt(untilUs, 0, EVENT.link, () => this.#watchAll());
  }

  reset(from: ReplicaId, to: ReplicaId): void {
    this.#closeLinks(from, to, 'connection_lost');
  }

  /** A process was paused or goes on: whoever it is connected with may hear nothing of it, or again. */
  onPaused(): void {
    this.#watchAll();
  }

  /** A connection on which nothing was heard for too long is closed, as by the pings of src/transport/tcp. */
  watch(connection: Connection): void {
    if (connection.open && !this.#isStalled(connection)) {
      connection.stalledSinceUs = null;
      return;
    }
    if (connection.stalledSinceUs !== null) return;
    const sinceUs = this.time.nowUs;
    connection.stalledSinceUs = sinceUs;
    const { silenceTimeoutMs, pingIntervalMs } = this.timings;
    const waitMs = silenceTimeoutMs + pingIntervalMs * this.prng.float();
    this.time.schedule(waitMs, connection.from.machine.ordinal, EVENT.link, () => {
      if (connection.stalledSinceUs !== sinceUs) return;
      if (connection.open) this.stats.connectionsSilent++;
      const { from } = connection;
      connection.close();
      from.machine.deliver(from.life, () => this.#closed(connection, 'silent'));
    });
  }

  /** Neither acknowledgements nor what they acknowledge get through, or one end does not run. */
  #isStalled({ from, to }: Connection): boolean {
    const { nowUs } = this.time;
    if (this.paths.between(from.self, to.self).isBlocked(nowUs)) return true;
    if (this.paths.between(to.self, from.self).isBlocked(nowUs)) return true;
    return from.machine.paused || to.machine.paused || to.machine.life !== to.life || to.handlers === null;
  }

  #closed(connection: Connection, reason: string): void {
    for (const link of connection.from.links) link.onClosed(connection, reason);
  }

  #closeLinks(from: ReplicaId, to: ReplicaId, reason: string): void {
    const endpoint = this.#listening.get(from);
    if (endpoint === undefined) return;
    for (const { peer, connection } of endpoint.links) {
      if (peer !== to || connection === null) continue;
      connection.close();
      endpoint.machine.deliver(endpoint.life, () => this.#closed(connection, reason));
    }
  }

  /** Open connections that others hold to `id`. */
  *#linksTo(id: ReplicaId): Generator<Connection, void> {
    for (const endpoint of this.#listening.values()) {
      if (endpoint.self === id) continue;
      for (const { peer, connection } of endpoint.links) if (peer === id && connection !== null) yield connection;
    }
  }

  #watchAll(): void {
    for (const endpoint of this.#listening.values()) {
      for (const { connection } of endpoint.links) if (connection !== null) this.watch(connection);
    }
  }
}
