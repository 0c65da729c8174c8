import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert } from '../../../src/base/assert.js';
import type { Prng } from '../../../src/base/prng.js';
import { abort } from './abort.js';
import { FaultPipe, NO_FAULTS, type PipeFaults, type PipeState } from './fault-pipe.js';

/** `forward` is from whoever dials the proxy to the target; `backward` the answers. */
export type Direction = 'forward' | 'backward';

export interface TcpProxyOptions {
  /** Fixed, so that a listener that was closed can come back where it was. 0 takes any port: then never `refuse`. */
  readonly port: number;
  readonly target: { readonly host: string; readonly port: number };
  readonly prng: Prng;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/**
 * Stands between one dialler and one listener and does to their connections what networks do (reliability.md §2.1,
 * §3.6). Faults hold for connections that exist and for those to come, until `heal`.
 */
export class TcpProxy {
  readonly #options: TcpProxyOptions;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #states: Record<Direction, PipeState>;
  #port: number;
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(options: TcpProxyOptions) {
    this.#options = options;
    this.#port = options.port;
    const state = (): PipeState => ({ faults: NO_FAULTS, wake: new Set(), bytes: 0, flipped: 0, swallowed: 0 });
    this.#states = { forward: state(), backward: state() };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#accept(near));
  }

  static async listen(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size;
  }

  counters(direction: Direction): Readonly<Pick<PipeState, 'bytes' | 'flipped' | 'swallowed'>> {
    return this.#states[direction];
  }

  /** Adds faults to one direction; those that are not named stay as they are. */
  set(direction: Direction, faults: Partial<PipeFaults>): void {
    const state = this.#states[direction];
    state.faults = { ...state.faults, ...faults };
    for (const wake of state.wake) wake();
  }

  setBoth(faults: Partial<PipeFaults>): void {
    this.set('forward', faults);
    this.set('backward', faults);
  }

  /** Resets every connection. New ones are taken, unless the proxy refuses them. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      abort(near);
      abort(far);
    }
  }

  /** Nobody listens any more, and what was connected is reset: the host lives, the process is gone. */
  async refuse(): Promise<void> {
    assert(this.#options.port !== 0, 'a proxy that refuses has a port of its own to come back to');
    const closed = this.#server.listening ? once(this.#server, 'close') : null;
    this.#server.close();
    this.reset();
    await closed;
  }

  /** Ends every fault. What a cut held back is delivered; a connection that lost bytes stays lost. */
  async heal(): Promise<void> {
    for (const state of Object.values(this.#states)) state.faults = NO_FAULTS;
    for (const { wake } of Object.values(this.#states)) for (const go of wake) go();
    if (!this.#server.listening) await this.#listen();
  }

  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : null;
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    await closed;
  }

  async #listen(): Promise<void> {
    this.#server.listen({ port: this.#port, host: '127.0.0.1' });
    await once(this.#server, 'listening');
    const address = this.#server.address();
    assert(address !== null && typeof address === 'object', 'a TCP server has an address');
    this.#port = address.port;
  }

  #accept(near: Socket): void {
    this.accepted++;
    const far = connect({ ...this.#options.target, allowHalfOpen: true, noDelay: true });
    const pair = { near, far };
    this.#pairs.add(pair);
    const prng = this.#options.prng.fork(String(this.accepted));
    const pipes = [
      new FaultPipe(near, far, this.#states.forward, prng),
      new FaultPipe(far, near, this.#states.backward, prng),
    ];
    for (const socket of [near, far]) {
      socket.once('close', () => {
        if (near.closed && far.closed) this.#pairs.delete(pair);
      });
    }
    for (const pipe of pipes) pipe.start();
  }
}
