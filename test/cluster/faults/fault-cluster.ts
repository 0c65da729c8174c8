import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, assertDefined } from '../../../src/base/assert.js';
import { HostProcess } from './host-process.js';
import type { FaultNetwork, GrowingNetwork, Place } from './network.js';
import { isReady, statusOf, type MembershipStatus, type Status } from './status.js';
import { dataDir, topologyText } from './topology.js';

/** Between two looks at a replica that is not where it should be yet. */
const POLL_MS = 20;
/** What comes at once comes later on a machine with too much to do: only what never comes is a failure. */
const PATIENCE_MS = 30_000;

/**
 * Nobody goes back: spare, joining, member, leaving, removed; the first replicas begin as members. Who joins or leaves
 * runs, but may be ready or not.
 */
export type Standing = 'spare' | 'joining' | 'member' | 'leaving' | 'removed';

/** A replica as tests see it. */
export interface FaultReplica extends Place {
  readonly process: HostProcess;
  /** Base of its HTTP addresses. */
  readonly http: string;
  /** As the operator sees it; the cluster itself may be behind, or ahead. */
  standing: Standing;
}

/** A cluster with a host process for each replica, on a network with faults. */
export class FaultCluster {
  readonly network: FaultNetwork;
  /** Clients give up then. */
  closed = false;
  readonly #folder: string;
  readonly #all: FaultReplica[] = [];

  private constructor(folder: string, network: FaultNetwork) {
    this.#folder = folder;
    this.network = network;
  }

  /** Writes a topology file for each replica, in which the others are where the network says. Starts nothing yet. */
  static create(folder: string, network: FaultNetwork): FaultCluster {
    mkdirSync(folder, { recursive: true });
    const cluster = new FaultCluster(folder, network);
    cluster.#place();
    return cluster;
  }

  /** Makes replicas of new places, and tells all where everybody is: from their next start on they know. */
  #place(): void {
    for (const place of this.network.places) {
      const file = join(this.#folder, `${place.id}.yaml`);
      writeFileSync(file, topologyText(this.#folder, this.network, place));
      if (this.#all.some(({ id }) => id === place.id)) continue;
      const http = `http://${place.host}:${place.httpPort}`;
      const process = new HostProcess(file, http, place.wrapper);
      this.#all.push({ ...place, http, process, standing: place.joining ? 'spare' : 'member' });
    }
  }

  /** Those that are to run. */
  get replicas(): readonly FaultReplica[] {
    return this.#all.filter(({ standing }) => standing !== 'spare' && standing !== 'removed');
  }

  get members(): readonly FaultReplica[] {
    return this.standing('member');
  }

  /** Of the members. */
  get ids(): readonly string[] {
    return this.members.map(({ id }) => id);
  }

  standing(standing: Standing): readonly FaultReplica[] {
    return this.#all.filter((it) => it.standing === standing);
  }

  replica(id: string): FaultReplica {
    return assertDefined(
      this.#all.find((replica) => replica.id === id),
      `${id} is a replica`,
    );
  }

  /** Starts every process that does not run. Resolves when all of them listen and every one follows or leads. */
  async start(): Promise<void> {
    await this.restart();
    await this.settled();
    await this.checkLinks();
  }

  /**
   * A replica that dials another one elsewhere than it was told, as at an address that came with the membership, would
   * be out of reach of every fault.
   */
  async checkLinks(): Promise<void> {
    for (const { id } of this.members) {
      const { links } = await this.status(id);
      for (const { address, peer } of links) {
        assert(address === this.network.dialled(id, peer), `${id} dials ${peer} at ${address}, past the faults`);
      }
      const dialled = new Set([id, ...links.map(({ peer }) => peer)]);
      for (const other of this.ids) assert(dialled.has(other), `${id} dials ${other}`);
    }
  }

  /** Starts every process that is to run and does not. */
  async restart(): Promise<void> {
    await Promise.all(this.replicas.filter((it) => !it.process.running).map((it) => it.process.start()));
  }

  /** Ends all faults: the network is whole, every process runs. Resolves when all members are ready. */
  async heal(): Promise<void> {
    await this.network.heal();
    for (const { process } of this.replicas) if (process.paused) process.resume();
    await this.restart();
    await this.settled();
  }

  /** Resolves when every member says that it is ready (/readyz) and all name the same leader. */
  async settled(timeoutMs = PATIENCE_MS): Promise<void> {
    await this.until('all members are ready', timeoutMs, async () => {
      const ready = await Promise.all(this.members.map(({ http }) => isReady(http)));
      if (ready.includes(false)) return undefined;
      const statuses = await Promise.all(this.ids.map((id) => this.status(id)));
      const leaders = statuses.map(({ keyspaces }) => keyspaces.map(({ leader }) => leader).join());
      return new Set(leaders).size === 1 || undefined;
    });
  }

  /** Resolves when every member has it as committed that these, and nobody else, are members of every keyspace. */
  async agreed(timeoutMs = PATIENCE_MS): Promise<void> {
    const expected = [...this.ids].sort().join();
    await this.until(`the members are ${expected}`, timeoutMs, async () => {
      const statuses = await Promise.allSettled(this.ids.map((id) => this.status(id)));
      const agree = statuses.every((answer) => {
        const keyspaces = answer.status === 'fulfilled' ? answer.value.keyspaces : [];
        return keyspaces.length > 0 && keyspaces.every(({ membership }) => votersOf(membership) === expected);
      });
      return agree || undefined;
    });
  }

  /** GET /status of one replica; rejects when it does not answer. */
  async status(id: string): Promise<Status> {
    return statusOf(this.replica(id).http);
  }

  /** The replica that leads `keyspace` in the highest term, among those that answer. */
  async leader(keyspace = 'default', except: ReadonlySet<string> = new Set()): Promise<FaultReplica> {
    return this.until(`a leader of ${keyspace}`, PATIENCE_MS, () => this.findLeader(keyspace, except));
  }

  /** The leader, if one of the members that answer says that it is. */
  async findLeader(keyspace = 'default', except: ReadonlySet<string> = new Set()): Promise<FaultReplica | undefined> {
    const asked = this.members.filter(({ id, process }) => process.running && !process.paused && !except.has(id));
    const answers = await Promise.allSettled(asked.map(({ id }) => this.status(id)));
    let found: { readonly id: string; readonly term: number } | null = null;
    for (const answer of answers) {
      if (answer.status === 'rejected') continue;
      const { id, keyspaces } = answer.value;
      const member = keyspaces.find((it) => it.keyspace === keyspace);
      if (member?.role === 'leader' && member.term > (found?.term ?? -1)) found = { id, term: member.term };
    }
    return found === null ? undefined : this.replica(found.id);
  }

  /** Takes away what a replica that does not run has on disk. */
  wipe(id: string): void {
    assert(!this.replica(id).process.running, 'a disk is wiped while nobody uses it');
    rmSync(join(dataDir(this.#folder), id), { recursive: true });
  }

  /**
   * Further spare replicas instead of those that were removed. Everybody is started again, one after the other: nobody
   * dials a replica behind a proxy that its topology does not tell.
   */
  async restock(network: GrowingNetwork, count: number): Promise<void> {
    assert(network === this.network, 'the network is that of the cluster');
    const gone = new Set(
      this.standing('removed')
        .filter(({ joining }) => joining)
        .map(({ id }) => id),
    );
    await network.abandon(gone);
    await network.extend(count);
    this.#all.splice(0, this.#all.length, ...this.#all.filter(({ id }) => !gone.has(id)));
    this.#place();
    for (const { process } of this.replicas) {
      await process.drain();
      await process.start();
      await this.settled();
    }
    await this.checkLinks();
  }

  /** Ends every process and the network. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.#all.map(({ process }) => process.kill()));
    await this.network.close();
  }

  /** What the processes said, for a test that failed. */
  get stderr(): string {
    const spoken = this.#all.filter(({ process }) => process.stderr !== '');
    return spoken.map(({ id, process }) => `--- ${id}\n${process.stderr.slice(-4000)}`).join('\n');
  }

  /** Asks until there is an answer other than undefined; one that fails is asked again. Attempts talk to real processes. */
  async until<T>(what: string, timeoutMs: number, attempt: () => Promise<T | undefined>): Promise<T> {
    const endMs = performance.now() + timeoutMs;
    let cause: unknown;
    while (performance.now() < endMs) {
      try {
        const result = await attempt();
        if (result !== undefined) return result;
      } catch (error) {
        cause = error;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`not within ${timeoutMs} ms: ${what}\n${this.stderr}`, { cause });
  }

  /** The same for one request, which may come while a leader is elected: on a busy machine that needs no fault. */
  async served<T>(what: string, request: () => Promise<T>): Promise<T> {
    const { answer } = await this.until(what, PATIENCE_MS, async () => ({ answer: await request() }));
    return answer;
  }
}

/** Null while anything about it is undecided. */
function votersOf({ committed, joint, learners, voters }: MembershipStatus): string | null {
  return committed && !joint && learners.length === 0 ? [...voters].sort().join() : null;
}
