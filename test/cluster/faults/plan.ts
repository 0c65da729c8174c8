import { assertDefined } from '../../../src/base/assert.js';
import type { Prng } from '../../../src/base/prng.js';
import { NETWORK_FAULTS, PROCESS_FAULTS } from './acts.js';

/** What an operator does with members; see Changes. */
export const MEMBER_KINDS = ['addMember', 'removeMember', 'removeLeader', 'wipe', 'comeBack'] as const;
export type MemberKind = (typeof MEMBER_KINDS)[number];
export type ActKind = keyof typeof NETWORK_FAULTS | keyof typeof PROCESS_FAULTS;
export type FaultKind = ActKind | MemberKind;

const NETWORK_KINDS = Object.keys(NETWORK_FAULTS) as ActKind[];
const PROCESS_KINDS = Object.keys(PROCESS_FAULTS) as ActKind[];

/** One step of a plan: what is done, to whom, for how long, and how long nothing is done afterwards. */
export interface PlannedFault {
  readonly kinds: readonly FaultKind[];
  readonly order: readonly string[];
  readonly lastsMs: number;
  readonly restMs: number;
}

export interface PlanOptions {
  readonly lastsMs: readonly [min: number, max: number];
  readonly restMs: readonly [min: number, max: number];
  /** Members come and go, too. */
  readonly changes?: boolean;
}

export function isMemberKind(kind: FaultKind): kind is MemberKind {
  return MEMBER_KINDS.some((it) => it === kind);
}

/** All of them are drawn before one is drawn again: a run that is long enough leaves none to chance. */
class Bag {
  readonly #prng: Prng;
  readonly #kinds: readonly FaultKind[];
  #left: FaultKind[] = [];

  constructor(prng: Prng, kinds: readonly FaultKind[]) {
    this.#prng = prng;
    this.#kinds = kinds;
  }

  draw(): FaultKind {
    if (this.#left.length === 0) this.#left = shuffled(this.#prng, this.#kinds);
    return assertDefined(this.#left.pop(), 'there are kinds');
  }
}

/**
 * The same seed gives the same kinds in the same order. Every third fault is one of the network together with one of a
 * process; with changes of members two of six are such a change, half of them together with another fault.
 */
export function* faultPlan(
  prng: Prng,
  ids: () => readonly string[],
  options: PlanOptions,
): Generator<PlannedFault, never> {
  const network = new Bag(prng.fork('network'), NETWORK_KINDS);
  const process = new Bag(prng.fork('process'), PROCESS_KINDS);
  const members = new Bag(prng.fork('members'), MEMBER_KINDS);
  const orders = prng.fork('orders');
  for (;;) {
    const one = prng.between(0, 1) === 0 ? network : process;
    const dice = prng.between(0, 5);
    let bags = [one];
    if (dice < 2) bags = [network, process];
    else if (options.changes === true && dice < 4) bags = dice === 2 ? [members] : [members, one];
    const kinds = shuffled(
      prng,
      bags.map((bag) => bag.draw()),
    );
    const order = shuffled(orders, ids());
    yield { kinds, order, lastsMs: prng.between(...options.lastsMs), restMs: prng.between(...options.restMs) };
  }
}

function shuffled<T>(prng: Prng, items: readonly T[]): T[] {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at--) {
    const other = prng.between(0, at);
    [order[at], order[other]] = [order[other] as T, order[at] as T];
  }
  return order;
}
