import type { ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { CrashLoss, DiskFaults, LinkFaults, SimProcess, World } from '../../world/types.js';
import type { Scalar } from '../plan.js';
import type { FaultClass } from '../faults.js';

/** Whom a nemesis is aimed at; resolved when it strikes. */
export type Target = 'leader' | 'follower' | 'any' | 'minority' | 'majority' | 'all';

/** Instants at which a fault hurts most (reliability.md §3.2). */
export type Trigger =
  /** A replica has just become leader. */
  | 'elected'
  /** The leader's commit index has just grown. */
  | 'committed'
  /** The leader has just sent entries, which are not on its own disk yet (raft.md R2). */
  | 'appending'
  /** A snapshot has just become the checkpoint; the log does not say so yet (raft.md S5). */
  | 'installed';

/** A digest with that clock, or a batch of an unknown origin with that counter. */
export type Forgery = 'digest' | 'delta';

/** What nemeses work with: the running world, and the bookkeeping that keeps overlapping faults apart. */
export interface Stage {
  readonly world: World;
  /** Later, unless faults have ended by then. */
  after(delayMs: number, task: () => void): void;
  /** Whoever leads in the highest term, as far as a running replica believes it does. */
  leader(): SimProcess | null;
  /** Processes of the membership in force (voters and learners), in order of creation. */
  members(): readonly SimProcess[];
  /** Whom a target means now, in random order; nobody, when there is no such process. */
  pick(prng: Prng, target: Target): readonly SimProcess[];
  /** The next time that it happens, within `withinMs`. */
  once(trigger: Trigger, withinMs: number, task: (process: SimProcess) => void): void;
  /** Ends a process; the supervisor starts it again after `restartMs`. Ignored for one that is down. */
  crash(process: SimProcess, loss: CrashLoss, restartMs: number): void;
  /** Counted: a link is whole again when every cut of it has been taken back. */
  cut(from: ReplicaId, to: ReplicaId, silent: boolean): void;
  heal(from: ReplicaId, to: ReplicaId): void;
  pause(process: SimProcess, durationMs: number): void;
  /** For so long; then as the plan says. */
  disturbNetwork(faults: Partial<LinkFaults>, durationMs: number): void;
  slowDisk(process: SimProcess, faults: DiskFaults, durationMs: number): void;
  /** Somebody among its peers sends it what no sound member would; nothing where raft decides. */
  forge(process: SimProcess, what: Forgery, counter: number, prng: Prng): void;
  /** What may be destroyed. */
  readonly atlas: Atlas;
  readonly operator: Operator;
  /** Only where there is a write quorum. */
  readonly quorums?: QuorumOperator;
}

/** Keeps the last intact copies intact: what is damaged stays a minority of every membership (reliability.md §3.2). */
export interface Atlas {
  /** True when this disk may be damaged; it then counts as damaged for the rest of the run. */
  claim(process: SimProcess): boolean;
  isDamaged(process: SimProcess): boolean;
  /**
   * Its disk lies about its next sync; `told` hears of it. It counts among the damaged ones until a later sync has made up
   * for that; when the power goes before, it is damaged, and the operator replaces it. Ignored where too many would be.
   */
  loseSync(process: SimProcess, told: () => void): void;
}

/** What an operator does, in the background, patiently: again and again until it is done or there is no more time. */
export interface Operator {
  /** Adds a new replica, and promotes it when it has caught up. */
  grow(): void;
  /** Removes a replica, for ever. */
  remove(process: SimProcess): void;
  /** Asks once for somebody who was removed: must be refused (raft.md M3). */
  addAgain(prng: Prng): void;
  /** Removes one, then adds a new one. */
  replace(process: SimProcess): void;
  transfer(target: SimProcess | null): void;
  /** True while a change of membership is under way. */
  readonly changing: boolean;
}

/** What an operator of a leader-follower group does, once. */
export interface QuorumOperator {
  /** Asks the leader for a write quorum: 0 is the smallest that is allowed, 1 the largest. */
  setQuorum(share: number, prng: Prng): void;
  promote(process: SimProcess, force: boolean): void;
}

/** What an option may be: drawn from these. */
export type Choices = Readonly<Record<string, readonly Scalar[]>>;

export type Drawn<C extends Choices> = { readonly [Name in keyof C]: C[Name][number] };

export interface Nemesis {
  readonly name: string;
  /** All of them must be in the plan's world. */
  readonly faults: readonly FaultClass[];
  readonly choices: Choices;
  strike(stage: Stage, options: Readonly<Record<string, Scalar>>, prng: Prng): void;
}

/** States a nemesis with the types of its options. */
export function nemesis<const C extends Choices>(
  name: string,
  faults: readonly FaultClass[],
  choices: C,
  strike: (stage: Stage, options: Drawn<C>, prng: Prng) => void,
): Nemesis {
  // Plans are checked against `choices` when they are loaded (schema.ts), and drawn from them.
  return { name, faults, choices, strike: (stage, options, prng) => strike(stage, options as Drawn<C>, prng) };
}

/** A random order (Fisher-Yates). */
export function shuffled<T>(prng: Prng, items: readonly T[]): T[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = prng.between(0, at);
    const moved = mixed[at] as T;
    mixed[at] = mixed[other] as T;
    mixed[other] = moved;
  }
  return mixed;
}
