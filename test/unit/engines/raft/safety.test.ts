import t from 'tap';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import { Network } from './network.js';
import { add, promote, remove } from './solo.js';

/** Replicas that join in the course of one run, each under a new id. */
const JOINERS = ['f', 'g', 'h', 'i', 'j'];
const VOTERS_MAX = 5;
const LEARNERS_MAX = 2;

/** What goes wrong in one run: drawn per seed, because the shape of the faults finds more than their number (§3.8). */
interface Swarm {
  readonly size: 1 | 3 | 5;
  readonly lossPercent: number;
  readonly duplicatePercent: number;
  readonly reorder: boolean;
  /** Weights of the actions of one step. */
  readonly weights: Readonly<Record<Action, number>>;
}

type Action =
  | 'deliver'
  | 'tick'
  | 'persist'
  | 'propose'
  | 'read'
  | 'install'
  | 'checkpoint'
  | 'crash'
  | 'crashLeader'
  | 'powerLoss'
  | 'restart'
  | 'partition'
  | 'heal'
  | 'transfer'
  | 'unreachable'
  | 'change'
  | 'calm';

function drawSwarm(prng: Prng): Swarm {
  const pick = <T>(...from: readonly T[]): T => from[prng.between(0, from.length - 1)] as T;
  return {
    size: pick<1 | 3 | 5>(3, 3, 3, 5, 5, 1),
    lossPercent: pick(0, 2, 20),
    duplicatePercent: pick(0, 10, 50),
    reorder: pick(true, true, false),
    weights: {
      deliver: 300,
      tick: pick(30, 60, 120),
      persist: pick(20, 60, 200),
      propose: pick(5, 20, 60),
      read: pick(0, 10, 30),
      install: 20,
      checkpoint: pick(0, 2, 10),
      crash: pick(0, 1, 4),
      crashLeader: pick(0, 1, 3),
      powerLoss: pick(0, 0, 1, 2),
      restart: pick(5, 40),
      partition: pick(0, 1, 4),
      heal: pick(1, 4),
      transfer: pick(0, 0, 1),
      unreachable: pick(0, 1),
      change: pick(0, 4, 10),
      calm: pick(0, 3, 6),
    },
  };
}

class Run {
  readonly network: Network;
  readonly #prng: Prng;
  readonly #swarm: Swarm;
  /** Everyone who ever ran: those who were removed go on, as they may not know. */
  readonly #ids: string[];
  readonly #joiners = [...JOINERS];
  readonly #total: number;

  constructor(seed: number) {
    this.#prng = createPrng(seed);
    this.#swarm = drawSwarm(this.#prng);
    this.#ids = ['a', 'b', 'c', 'd', 'e'].slice(0, this.#swarm.size);
    const limits = { inflightMessages: 3, appendEntries: this.#prng.between(1, 4) };
    this.network = new Network(this.#ids, seed, { diskStallTicks: 100, limits });
    this.#total = Object.values(this.#swarm.weights).reduce((sum, weight) => sum + weight, 0);
  }

  #someone(): string {
    return this.#ids[this.#prng.between(0, this.#ids.length - 1)] as string;
  }

  #draw(): Action {
    let at = this.#prng.between(0, this.#total - 1);
    for (const [action, weight] of Object.entries(this.#swarm.weights)) {
      at -= weight;
      if (at < 0) return action as Action;
    }
    return 'deliver';
  }

  step(): void {
    const { network } = this;
    const prng = this.#prng;
    switch (this.#draw()) {
      case 'deliver':
        return this.#deliver();
      case 'tick':
        return network.tick(this.#someone());
      case 'persist':
        network.persist(this.#someone(), prng.between(1, 2));
        return;
      case 'propose':
        network.propose(this.#someone());
        return;
      case 'read':
        return this.#read();
      case 'install':
        network.finishInstall(this.#someone());
        return;
      case 'checkpoint':
        return network.checkpoint(this.#someone(), prng.between(0, 3), prng.between(0, 2));
      case 'crash':
        return network.crash(this.#someone(), prng.between(0, 2));
      case 'crashLeader':
        return network.crash(network.leader?.id ?? this.#someone(), prng.between(0, 2));
      case 'powerLoss':
        for (const id of this.#ids) network.crash(id, prng.between(0, 1));
        return;
      case 'restart':
        for (const id of this.#ids) network.restart(id);
        return;
      case 'partition':
        return this.#partition();
      case 'heal':
        return network.heal();
      case 'transfer':
        return network.step(this.#someone(), { type: 'transfer', target: null });
      case 'unreachable':
        for (const { id } of network.members.values()) network.step(this.#someone(), { type: 'unreachable', peer: id });
        return;
      case 'change':
        return this.#change();
      case 'calm':
        return network.run(prng.between(2, 12));
    }
  }

  #read(): void {
    const id = this.#someone();
    if (this.network.member(id).alive) this.network.read(id);
  }

  /** Asks the leader, or anybody, for any change; most are refused. */
  #change(): void {
    const { network } = this;
    const prng = this.#prng;
    const asked = prng.between(0, 3) > 0 ? (network.leader?.id ?? this.#someone()) : this.#someone();
    const { voters, learners } = network.raft(asked).membership.membership;
    const some = (ids: readonly string[]): string => ids[prng.between(0, ids.length - 1)] ?? this.#someone();
    const grows = prng.between(0, voters.length) <= 2;
    if (!grows) network.change(asked, remove(some([...voters, ...learners])));
    else if (learners.length > 0 && voters.length < VOTERS_MAX) network.change(asked, promote(some(learners)));
    else if (learners.length < LEARNERS_MAX) network.change(asked, add(this.#newcomer()));
    else network.change(asked, remove(some(learners)));
  }

  /** Mostly a replica that nobody has heard of; some that came in vain, or were members once (M3). */
  #newcomer(): string {
    const joiner = this.#joiners[0];
    if (joiner === undefined || this.#prng.between(0, 3) === 0) return this.#someone();
    this.#joiners.shift();
    this.network.join(joiner);
    this.#ids.push(joiner);
    return joiner;
  }

  #deliver(): void {
    const { wire } = this.network;
    if (wire.length === 0) return;
    const at = this.#swarm.reorder ? this.#prng.between(0, Math.min(wire.length - 1, 20)) : 0;
    const [message] = wire.splice(at, 1);
    if (message === undefined) return;
    if (this.#prng.between(1, 100) <= this.#swarm.lossPercent) return;
    if (this.#prng.between(1, 100) <= this.#swarm.duplicatePercent) wire.push(message);
    if (wire.length > 400) wire.splice(0, 200);
    this.network.deliver(message);
  }

  /** One way, both ways, or the leader alone: whoever is drawn. */
  #partition(): void {
    const side = new Set(this.#ids.filter(() => this.#prng.between(0, 1) === 1));
    const leader = this.network.leader;
    if (leader !== undefined && this.#prng.between(0, 1) === 1) {
      side.clear();
      side.add(leader.id);
    }
    const oneWay = this.#prng.between(0, 2) === 0;
    this.network.lost = ({ from, to }) => (oneWay ? side.has(from) && !side.has(to) : side.has(from) !== side.has(to));
  }

  /** All faults end: the group must elect, finish what was begun, commit, and agree. */
  recover(): void {
    const { network } = this;
    network.heal();
    for (const id of this.#ids) network.restart(id);
    let proposed = -1;
    for (let round = 0; round < 400; round++) {
      network.run(1);
      const leader = network.leader;
      if (leader === undefined) continue;
      if (proposed < 0) {
        network.propose(leader.id);
        proposed = leader.raft.lastIndex;
      }
      const { membership, committedMembership } = leader.raft;
      const { members, outgoing } = membership.membership;
      const done = membership.index === committedMembership.index && outgoing.length === 0;
      if (done && members.every(({ id }) => network.member(id).applied >= proposed)) return;
      if (leader.raft.lastIndex < proposed) proposed = -1;
    }
    throw new Error('no progress after all faults ended');
  }
}

const SEEDS = Number(process.env['RAFT_SEEDS'] ?? 300);
const FIRST_SEED = Number(process.env['RAFT_FIRST_SEED'] ?? 1);
const STEPS = Number(process.env['RAFT_STEPS'] ?? 1500);

t.test('safety under any faults, liveness after them', (t) => {
  let committed = 0;
  let reads = 0;
  let memberships = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const run = new Run(seed);
    try {
      for (let at = 0; at < STEPS; at++) run.step();
      run.recover();
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      break;
    }
    committed += run.network.checker.committed.length;
    memberships += run.network.checker.memberships.length;
    for (const member of run.network.members.values())
      reads += member.reads.filter((read) => read.index !== null).length;
  }
  t.comment(
    `${SEEDS} seeds: ${committed} entries committed, ${memberships} of them memberships, ${reads} reads served`,
  );
  t.ok(committed > SEEDS * 5, 'the runs did real work');
  t.ok(reads > SEEDS, 'reads too');
  t.ok(memberships > SEEDS, 'changes of membership too');
  t.end();
});
