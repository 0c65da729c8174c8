import { assert, assertDefined } from '../../../src/base/assert.js';
import { isKvorumError } from '../../../src/base/errors/error.js';
import { KvorumClient } from '../../../src/client/client.js';
import type { MembersChanged } from '../../../src/client/members.js';
import { HttpCaller } from './callers.js';
import type { FaultCluster, FaultReplica } from './fault-cluster.js';
import { healthChecks, type HealthCheck } from './status.js';

/** For one request; another replica is asked afterwards. */
const ATTEMPT_MS = 2500;
/** For one change, with the faults that it begins under. */
const CHANGE_MS = 40_000;
const BACKOFF_MS = 50;
const KNOWS_MS = 30_000;
/** Longer than a replica takes to refuse: no answer would say nothing. */
const REFUSAL_MS = 10_000;

/** What a replica says of each of its groups when it was removed. */
const REMOVED = 'removed from the cluster';
/** What it says that has another disk than the one it became a member with. */
const WIPED = /wiped|another (data )?folder/;

/**
 * Changes members over HTTP, as an operator does: starts the new replica, asks any member, and when the answer is a
 * failure asks the next one the same again. A change that was begun under faults has to come to its end without them.
 */
export class Operator {
  /** Answers that were not success, by code. */
  readonly failures: Record<string, number> = {};
  readonly #cluster: FaultCluster;
  #asked = 0;

  constructor(cluster: FaultCluster) {
    this.#cluster = cluster;
  }

  /** A spare replica runs, and waits to be added. */
  async launch(): Promise<FaultReplica> {
    const [joining] = this.#cluster.standing('spare');
    assert(joining !== undefined, 'there is a spare replica');
    await joining.process.start();
    joining.standing = 'joining';
    return joining;
  }

  /** A replica that was launched becomes a voter. */
  async add(added: FaultReplica): Promise<void> {
    const { host, httpPort, id, peerPort, redisPort } = added;
    const place = { id, peer: `${host}:${peerPort}`, http: `${host}:${httpPort}`, redis: `${host}:${redisPort}` };
    await this.#untilDone(`add ${id}`, (client) => client.addMember(place, { promote: true, timeoutMs: ATTEMPT_MS }));
    added.standing = 'member';
  }

  /** Any member may be asked, also the one that goes. It is to be retired when there are no faults. */
  async remove(leaving: FaultReplica): Promise<void> {
    leaving.standing = 'leaving';
    await this.#untilDone(`remove ${leaving.id}`, (client) =>
      client.removeMember(leaving.id, { timeoutMs: ATTEMPT_MS }),
    );
  }

  /** Who was removed is told by the others, also when it was down; then it is stopped. Not while there are faults. */
  async retire(leaving: FaultReplica): Promise<void> {
    if (!leaving.process.running) await leaving.process.start();
    await this.#saysRemoved(leaving);
    await this.#servesNobody(leaving);
    await leaving.process.kill();
    leaving.standing = 'removed';
  }

  /** The disk is empty, and the replica comes back as if nothing had happened. */
  async wipe(victim: FaultReplica): Promise<void> {
    victim.standing = 'leaving';
    await victim.process.kill();
    this.#cluster.wipe(victim.id);
    await victim.process.start();
  }

  /** It is refused under its id, and says so; a replica with a new id takes its place. Not while there are faults. */
  async replaceWiped(victim: FaultReplica): Promise<void> {
    if (!victim.process.running) await victim.process.start();
    await this.#saysWiped(victim);
    await this.#servesNobody(victim);
    await this.remove(victim);
    await victim.process.kill();
    victim.standing = 'removed';
    await this.add(await this.launch());
  }

  /** A removed replica, with its old disk, stays out. Not while there are faults; it may have run through some. */
  async turnAway(removed: FaultReplica): Promise<void> {
    assert(removed.standing === 'removed', 'it was removed');
    if (!removed.process.running) await removed.process.start();
    await this.#saysRemoved(removed);
    await this.#servesNobody(removed);
    for (const { id } of this.#cluster.members) {
      for (const { keyspace, membership } of (await this.#cluster.status(id)).keyspaces) {
        assert(membership.removed.includes(removed.id), `${id} knows that ${removed.id} was removed from ${keyspace}`);
      }
    }
    await removed.process.kill();
  }

  async #saysRemoved(replica: FaultReplica): Promise<void> {
    await this.#says(replica, 'that it was removed', (checks) => {
      const groups = checks.filter(({ name }) => name.startsWith('group '));
      return groups.length > 0 && groups.every(({ detail, ok }) => !ok && detail === REMOVED);
    });
  }

  async #saysWiped(replica: FaultReplica): Promise<void> {
    await this.#says(replica, 'that its disk is another one', (checks) =>
      checks.some(({ detail, ok }) => !ok && WIPED.test(detail)),
    );
  }

  async #says(
    { http, id }: FaultReplica,
    what: string,
    said: (checks: readonly HealthCheck[]) => boolean,
  ): Promise<void> {
    await this.#cluster.until(`${id} says ${what}`, KNOWS_MS, async () => {
      const checks = await healthChecks(http).catch(() => []);
      return said(checks) || undefined;
    });
  }

  /** Neither a write nor a read, not even one that may be stale, is answered. */
  async #servesNobody(replica: FaultReplica): Promise<void> {
    for (const keyspace of ['default', 'loose']) {
      const caller = new HttpCaller(replica, keyspace, REFUSAL_MS);
      for (const kind of ['get', 'put'] as const) {
        const { code, outcome } = await caller.call({ kind, key: 'intruder', value: 'x' }, null);
        assert(outcome === 'failed', `${replica.id} does not serve ${kind} of ${keyspace}: ${outcome} ${code ?? ''}`);
      }
      caller.close();
    }
  }

  async #untilDone(what: string, change: (client: KvorumClient) => Promise<MembersChanged>): Promise<void> {
    const endMs = performance.now() + CHANGE_MS;
    for (;;) {
      const client = new KvorumClient({ node: this.#next().http, timeoutMs: ATTEMPT_MS });
      try {
        await change(client);
        return;
      } catch (error) {
        if (!isKvorumError(error)) throw error;
        this.failures[error.code] = (this.failures[error.code] ?? 0) + 1;
        const over = performance.now() > endMs || error.spec.retry === 'never';
        if (over) throw new Error(`${what} was not done\n${this.#cluster.stderr}`, { cause: error });
      } finally {
        client.close();
      }
      await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS));
    }
  }

  /** One after the other; also those that are down or cut off, as an operator may not know it. */
  #next(): FaultReplica {
    const asked = this.#cluster.replicas.filter(({ standing }) => standing !== 'joining');
    return assertDefined(asked[this.#asked++ % asked.length], 'there are members');
  }
}
