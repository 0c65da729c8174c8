import { replicaId, type ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { MembershipRequest } from '../../../replica/router.js';
import { chance, pick } from '../../plan/dice.js';
import type { Operator } from '../../plan/nemesis/stage.js';
import type { SimProcess, World } from '../../world/types.js';
import type { Statistics } from '../statistics.js';
import { lists, type View } from './view.js';

/** The id of the first, second, … replica that is added. */
export function addedReplica(number: number): ReplicaId {
  return replicaId(`a${number}`);
}

/** How often an operator looks, and asks again. */
const ASK_MS = 150;
const ASK_TIMEOUT_MS = 1000;
/** Then it gives up. What it asked for may still happen. */
const PATIENCE_MS = 6000;
/** What was asked for may be under way for this long after it was last asked for. */
const LATE_MS = 2 * ASK_TIMEOUT_MS;
/** Changes at one time, so that they meet each other (raft.md M1). */
const CHANGES_MAX = 2;

/** One thing that an operator wants, until it sees that it is so. */
interface Goal {
  readonly request: MembershipRequest;
  readonly process: SimProcess;
  readonly isDone: () => boolean;
}

interface Asked {
  readonly request: MembershipRequest;
  readonly atMs: number;
}

export interface OperatorContext {
  readonly world: World;
  readonly view: View;
  readonly statistics: Statistics;
  readonly prng: Prng;
  /** True when a group without this voter has enough intact disks (stage.ts). */
  mayRemove(process: SimProcess): boolean;
  /** A removed replica needs no supervisor. */
  retire(process: SimProcess): void;
}

/** Somebody with a shell: asks any replica, asks again, and never knows more than the replicas tell. */
export class RaftOperator implements Operator {
  readonly #context: OperatorContext;
  #stopped = false;
  #running = 0;
  #asked: readonly Asked[] = [];
  #added = 0;
  readonly #removing = new Set<ReplicaId>();

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  get changing(): boolean {
    return this.#running > 0 || this.pending.length > 0;
  }

  /** What was asked for, and may still come: nobody can take it back. */
  get pending(): readonly MembershipRequest[] {
    return this.#recent.map(({ request }) => request);
  }

  get #recent(): readonly Asked[] {
    const { nowMs } = this.#context.world.time;
    return this.#asked.filter(({ atMs }) => nowMs - atMs < LATE_MS);
  }

  stop(): void {
    this.#stopped = true;
  }

  grow(): void {
    if (this.#running < CHANGES_MAX) this.#pursue(this.#goalsOfGrowing());
  }

  remove(process: SimProcess): void {
    if (this.#running < CHANGES_MAX && this.#mayRemove(process)) this.#pursue([this.#goalOfRemoving(process)]);
  }

  addAgain(prng: Prng): void {
    const { view, world } = this.#context;
    const removed = (view.committed()?.membership.removed ?? []).filter((id) => world.processes.has(id));
    if (removed.length > 0) this.#ask({ op: 'add', member: world.infoOf(pick(prng, removed)) });
  }

  replace(process: SimProcess): void {
    if (this.#running >= CHANGES_MAX || !this.#mayRemove(process)) return;
    const removing = this.#goalOfRemoving(process);
    // A healthy group grows first; one with a dead voter must lose it first to have a majority to spare.
    const isDead = process.state === 'down' || process.state === 'refused';
    this.#pursue(isDead ? [removing, ...this.#goalsOfGrowing()] : [...this.#goalsOfGrowing(), removing]);
  }

  transfer(target: SimProcess | null): void {
    this.#context.statistics.transfers++;
    this.#context.view.leader()?.request((keyspace) => {
      keyspace.transferLeader(target?.id ?? null).catch(() => undefined);
    });
  }

  #mayRemove(process: SimProcess): boolean {
    return !this.#removing.has(process.id) && this.#context.mayRemove(process);
  }

  #goalOfRemoving(process: SimProcess): Goal {
    const { view } = this.#context;
    this.#removing.add(process.id);
    return {
      request: { op: 'remove', replica: process.id },
      process,
      isDone: () => {
        const committed = view.committed()?.membership;
        if (committed === undefined || lists(committed, process.id)) return false;
        // One that is about to be added is not there either, and goes on.
        if (committed.removed.includes(process.id)) this.#context.retire(process);
        return true;
      },
    };
  }

  #goalsOfGrowing(): Goal[] {
    const { view, world } = this.#context;
    this.#added++;
    const process = world.addProcess(addedReplica(this.#added));
    process.start();
    const committed = (): { voters: readonly ReplicaId[]; learners: readonly ReplicaId[] } =>
      view.committed()?.membership ?? { voters: [], learners: [] };
    return [
      {
        request: { op: 'add', member: world.infoOf(process.id) },
        process,
        isDone: () => committed().voters.includes(process.id) || committed().learners.includes(process.id),
      },
      {
        request: { op: 'promote', replica: process.id, untilCaughtUp: false },
        process,
        isDone: () => committed().voters.includes(process.id),
      },
    ];
  }

  #pursue(goals: readonly Goal[]): void {
    this.#running++;
    const [first, ...rest] = goals;
    if (first === undefined || this.#stopped) {
      this.#running--;
      return;
    }
    const untilMs = this.#context.world.time.nowMs + PATIENCE_MS;
    const ask = (): void => {
      const isDone = first.isDone();
      if (isDone) this.#context.statistics.membershipChanges++;
      if (isDone || this.#stopped || this.#context.world.time.nowMs > untilMs) {
        this.#running--;
        if (isDone) this.#pursue(rest);
        return;
      }
      this.#ask(first.request);
      this.#context.world.time.after(ASK_MS, ask);
    };
    ask();
  }

  #ask(request: MembershipRequest): void {
    const { prng, view, world } = this.#context;
    const running = [...world.processes.values()].filter(({ state }) => state === 'running');
    if (running.length === 0) return;
    const asked = chance(prng, 0.7) ? (view.leader() ?? pick(prng, running)) : pick(prng, running);
    // The folder of a new replica is known once it runs.
    const now = request.op === 'add' ? { ...request, member: world.infoOf(request.member.id) } : request;
    this.#asked = [...this.#recent, { request: now, atMs: world.time.nowMs }];
    asked.request((keyspace) => {
      keyspace.changeMembership(now, ASK_TIMEOUT_MS).catch(() => undefined);
    });
  }
}
