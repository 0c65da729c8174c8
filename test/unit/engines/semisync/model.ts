import { createPrng, type Prng } from '../../../../src/base/prng.js';
import { Network, type NetworkOptions } from './network.js';

/** What goes wrong in one run: drawn per seed, because the shape of the faults finds more than their number. */
interface Swarm {
  readonly size: number;
  readonly writeQuorum: number;
  readonly promotion: 'auto' | 'manual';
  readonly lossPercent: number;
  readonly duplicatePercent: number;
  readonly reorder: boolean;
  readonly force: boolean;
  /** Weights of the actions of one step. */
  readonly weights: Readonly<Record<Action, number>>;
}

type Action =
  | 'deliver'
  | 'tick'
  | 'persist'
  | 'propose'
  | 'read'
  | 'quorum'
  | 'promote'
  | 'force'
  | 'install'
  | 'checkpoint'
  | 'crash'
  | 'crashLeader'
  | 'powerLoss'
  | 'restart'
  | 'partition'
  | 'heal'
  | 'unreachable'
  | 'stall'
  | 'calm';

function drawSwarm(prng: Prng, mayForce: boolean): Swarm {
  const pick = <T>(...from: readonly T[]): T => from[prng.between(0, from.length - 1)] as T;
  const size = pick(2, 3, 3, 4, 4, 5, 6);
  const force = mayForce && pick(true, false, false);
  return {
    size,
    writeQuorum: prng.between(1, size - 1),
    promotion: pick('auto', 'auto', 'manual'),
    lossPercent: pick(0, 2, 20),
    duplicatePercent: pick(0, 10, 50),
    reorder: pick(true, true, false),
    force,
    weights: {
      deliver: 300,
      tick: pick(30, 60, 120),
      persist: pick(40, 100, 200),
      propose: pick(5, 20, 60),
      read: pick(0, 10, 30),
      quorum: pick(0, 4, 12),
      promote: pick(0, 1, 4),
      force: force ? pick(1, 2) : 0,
      install: 20,
      checkpoint: pick(0, 2, 10),
      crash: pick(0, 1, 4),
      crashLeader: pick(0, 1, 3),
      powerLoss: pick(0, 0, 1, 2),
      restart: pick(5, 40),
      partition: pick(0, 1, 4),
      heal: pick(1, 4),
      unreachable: pick(0, 1),
      stall: pick(0, 1),
      calm: pick(0, 3, 6),
    },
  };
}

/** One run of the random model: everything that it does follows from the seed. */
export class Run {
  readonly network: Network;
  readonly #prng: Prng;
  readonly #swarm: Swarm;
  readonly #ids: string[];
  readonly #total: number;

  constructor(seed: number, { mayForce = true, ...wrong }: NetworkOptions & { readonly mayForce?: boolean } = {}) {
    this.#prng = createPrng(seed);
    this.#swarm = drawSwarm(this.#prng, mayForce);
    this.#ids = ['a', 'b', 'c', 'd', 'e', 'f'].slice(0, this.#swarm.size);
    const { promotion, writeQuorum } = this.#swarm;
    const limits = { inflightMessages: 3, appendEntries: this.#prng.between(1, 4) };
    this.network = new Network(this.#ids, seed, { diskStallTicks: 100, promotion, writeQuorum, limits, ...wrong });
    this.#total = Object.values(this.#swarm.weights).reduce((sum, weight) => sum + weight, 0);
    this.network.run(3); // The first epoch.
  }

  #someone(): string {
    return this.#ids[this.#prng.between(0, this.#ids.length - 1)] as string;
  }

  #leaderOrSomeone(): string {
    return this.network.leader?.id ?? this.#someone();
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
        network.propose(prng.between(0, 3) === 0 ? this.#someone() : this.#leaderOrSomeone());
        return;
      case 'read':
        return this.#read();
      case 'quorum':
        network.setQuorum(this.#leaderOrSomeone(), prng.between(1, this.#ids.length - 1));
        return;
      case 'promote':
        network.promote(this.#someone());
        return;
      case 'force':
        network.promote(this.#someone(), true);
        return;
      case 'install':
        network.finishInstall(this.#someone());
        return;
      case 'checkpoint':
        return network.checkpoint(this.#someone(), prng.between(0, 3));
      case 'crash':
        return network.crash(this.#someone(), prng.between(0, 2));
      case 'crashLeader':
        return network.crash(this.#leaderOrSomeone(), prng.between(0, 2));
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
      case 'unreachable':
        for (const { id } of network.members.values()) network.step(this.#someone(), { type: 'unreachable', peer: id });
        return;
      case 'stall':
        return network.step(this.#someone(), { type: 'stalled' });
      case 'calm':
        return network.run(prng.between(2, 12));
    }
  }

  #read(): void {
    const id = this.#prng.between(0, 3) === 0 ? this.#someone() : this.#leaderOrSomeone();
    if (this.network.member(id).alive) this.network.read(id);
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

  /** All faults end: somebody leads (an operator helps where only he may), commits, and all agree. */
  recover(): void {
    const { network } = this;
    network.heal();
    for (const id of this.#ids) network.restart(id);
    let proposed = -1;
    for (let round = 0; round < 600; round++) {
      network.run(1);
      const leader = network.leader;
      if (leader === undefined) {
        if (this.#swarm.promotion === 'manual' && round % 60 === 59) network.promote(this.#someone());
        continue;
      }
      if (leader.engine.lastIndex < proposed) proposed = -1;
      if (proposed < 0 && network.propose(leader.id)?.accepted != null) proposed = leader.engine.lastIndex;
      if (proposed < 0) continue;
      const { checker, members } = network;
      if ([...members.values()].every(({ state }) => state.length >= proposed)) {
        const [first, ...others] = [...members.values()].map(({ state }) => state.slice(0, proposed).join());
        if (others.some((other) => other !== first)) throw new Error('violated: follower states are prefixes');
        checker.checkLost();
        return;
      }
    }
    throw new Error('no progress after all faults ended');
  }
}
