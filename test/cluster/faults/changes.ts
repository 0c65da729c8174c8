import { unreachable } from '../../../src/base/assert.js';
import type { FaultCluster, FaultReplica } from './fault-cluster.js';
import type { Operator } from './operator.js';
import type { MemberKind } from './plan.js';

/** How few and how many members there may be. */
export type Sizes = readonly [min: number, max: number];

/** What is left of a change for when the other faults have ended. */
type Rest = () => Promise<void>;

/** Changes of members as faults: begun while others go on, and ended without them. */
export class Changes {
  readonly #cluster: FaultCluster;
  readonly #operator: Operator;
  readonly #sizes: Sizes;

  constructor(cluster: FaultCluster, operator: Operator, sizes: Sizes) {
    this.#cluster = cluster;
    this.#operator = operator;
    this.#sizes = sizes;
  }

  /** Resolves when the change is under way. What comes back resolves when it is done, for when there are no faults. */
  async begin(kind: MemberKind, order: readonly string[], leader: FaultReplica): Promise<Rest> {
    const first = this.#cluster.replica(order[0] ?? '');
    switch (kind) {
      case 'addMember':
        return afterwards(this.#add(await this.#operator.launch(), first));
      case 'removeMember':
        return afterwards(this.#remove(first, await this.#another()));
      case 'removeLeader':
        return afterwards(this.#remove(leader, await this.#another()));
      case 'wipe':
        await this.#operator.wipe(first);
        return () => this.#operator.replaceWiped(first);
      case 'comeBack':
        return this.#comeBack(first);
      default:
        return unreachable(kind);
    }
  }

  /** Where there are as many as there may be, one goes first. */
  async #add(joining: FaultReplica, other: FaultReplica): Promise<Rest> {
    const full = this.#cluster.members.length >= this.#sizes[1];
    const rest = full ? await this.#remove(other, null) : async () => undefined;
    await this.#operator.add(joining);
    return rest;
  }

  /** Where there are as few as there may be, another one comes before one goes. */
  async #another(): Promise<FaultReplica | null> {
    return this.#cluster.members.length <= this.#sizes[0] ? this.#operator.launch() : null;
  }

  async #remove(leaving: FaultReplica, joining: FaultReplica | null): Promise<Rest> {
    if (joining !== null) await this.#operator.add(joining);
    await this.#operator.remove(leaving);
    return () => this.#operator.retire(leaving);
  }

  /** A removed replica runs through the other faults. Where nobody was removed yet, somebody is. */
  async #comeBack(other: FaultReplica): Promise<Rest> {
    const removed = this.#cluster.standing('removed').at(-1);
    if (removed === undefined) {
      const begun = afterwards(this.#remove(other, await this.#another()));
      return async () => {
        await begun();
        await this.#operator.turnAway(other);
      };
    }
    await removed.process.start();
    return () => this.#operator.turnAway(removed);
  }
}

/** A failure shows when it is asked for; until then it must not end the process. */
function afterwards(begun: Promise<Rest>): Rest {
  begun.catch(() => undefined);
  return async () => {
    const rest = await begun;
    await rest();
  };
}
