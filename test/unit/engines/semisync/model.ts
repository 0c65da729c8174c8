import { createPrng, type Prng } from '../../../../src/base/prng.js';
import { Network, type NetworkOptions } from './network.js';

/** What goes wrong in one run: drawn per seed, because the shape of the faults finds more than their number. */
interface Swarm {
  readonly size: number;
  readonly writeQuorum: number;
  /** Write quorums of 0 too. */
  readonly allowAsync: boolean;
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
  | 'rescue'
  | 'install'
  | 'checkpoint'
  | 'crash'
  | 'crashLeader'
  | 'powerLoss'
  | 'restart'
  | 'bounce'
  | 'partition'
  | 'upheaval'
  | 'deafen'
  | 'heal'
  | 'unreachable'
  | 'stall'
  | 'calm';

/** Faults that show what a rule is good for come in the same shape again and again. */
export type Focus = 'promotions' | 'quorums' | null;

function drawSwarm(prng: Prng, mayForce: boolean, focus: Focus): Swarm {
  const pick = <T>(...from: readonly T[]): T => from[prng.between(0, from.length - 1)] as T;
  const focused = focus === 'promotions';
  const sizes = { promotions: [3, 5, 6], quorums: [2, 3, 4, 5, 5, 6], any: [2, 3, 3, 4, 4, 5, 6] };
  const size = pick(...sizes[focus ?? 'any']);
  const force = focus === 'quorums' || (mayForce && pick(true, false));
  return {
    size,
    writeQuorum: focused ? 1 : prng.between(1, size - 1),
    allowAsync: !focused && pick(true, false, false, false),
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
      force: force ? pick(1, 3) : 0,
      rescue: focus === 'quorums' ? 6 : 0,
      install: 20,
      checkpoint: pick(0, 5, 20),
      crash: pick(0, 2, 5),
      crashLeader: pick(0, 1, 3),
      powerLoss: pick(0, 0, 1, 2),
      restart: pick(5, 40),
      bounce: focused ? 10 : pick(0, 2, 6),
      partition: pick(0, 1, 4),
      upheaval: focused ? 10 : pick(0, 1, 3),
      deafen: pick(0, 0, 1),
      heal: pick(1, 4),
      unreachable: pick(0, 1),
      stall: pick(0, 1),
      calm: pick(0, 3, 6),
    },
  };
}

export type RunOptions = NetworkOptions & { readonly mayForce?: boolean; readonly focus?: Focus };

/** One run of the random model: everything that it does follows from the seed. */
export class Run {
  readonly network: Network;
  readonly #prng: Prng;
  readonly #swarm: Swarm;
  readonly #ids: string[];
  readonly #total: number;

  constructor(seed: number, { mayForce = true, focus = null, ...wrong }: RunOptions = {}) {
    this.#prng = createPrng(seed);
    this.#swarm = drawSwarm(this.#prng, mayForce, focus);
    this.#ids = ['a', 'b', 'c', 'd', 'e', 'f'].slice(0, this.#swarm.size);
    const { allowAsync, promotion, writeQuorum } = this.#swarm;
    const limits = { inflightMessages: 3, appendEntries: this.#prng.between(1, 4) };
    this.network = new Network(this.#ids, seed, {
      diskStallTicks: 100,
      allowAsync,
      promotion,
      writeQuorum,
      limits,
      ...wrong,
    });
    this.#total = Object.values(this.#swarm.weights).reduce((sum, weight) => sum + weight, 0);
    this.network.run(3); // The first epoch.
  }

  #someone(): string {
    return this.#ids[this.#prng.between(0, this.#ids.length - 1)] as string;
  }

  #someQuorum(): number {
    return this.#prng.between(this.#swarm.allowAsync ? 0 : 1, this.#ids.length - 1);
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
        network.setQuorum(this.#leaderOrSomeone(), this.#someQuorum());
        return;
      case 'promote':
        network.promote(this.#someone());
        return;
      case 'force':
        return this.#force();
      case 'rescue':
        return this.#rescue();
      case 'install':
        if (prng.between(0, 3) === 0) network.abortInstall(this.#someone());
        else network.finishInstall(this.#someone());
        return;
      case 'checkpoint':
        return network.checkpoint(
          prng.between(0, 1) === 0 ? this.#someone() : this.#leaderOrSomeone(),
          prng.between(0, 2),
        );
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
      case 'bounce':
        return this.#bounce();
      case 'partition':
        return this.#partition();
      case 'upheaval':
        return this.#upheaval();
      case 'deafen':
        return this.#deafen();
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

  /** Somebody loses patience: with whoever answers in time. */
  #force(): void {
    const { network } = this;
    const prng = this.#prng;
    // Half of the time for another write quorum: then also of who leads already.
    const writeQuorum = prng.between(0, 1) === 0 ? this.#someQuorum() : null;
    const id = writeQuorum !== null && prng.between(0, 1) === 0 ? this.#leaderOrSomeone() : this.#someone();
    network.promote(id, true, writeQuorum);
    for (let round = this.#prng.between(0, 8); round > 0; round--) {
      network.tick(id, 5);
      network.deliverAll(({ from, to }) => from === id || to === id);
      network.persist(id);
    }
  }

  /** Some are out of reach, but not too many: the leader goes on with a lower write quorum, and the others without it. */
  #rescue(): void {
    const { network } = this;
    const prng = this.#prng;
    network.run(prng.between(0, 3));
    const { leader } = network;
    if (leader === undefined) return;
    const half = Math.ceil(this.#ids.length / 2);
    const others = this.#ids.filter((id) => id !== leader.id);
    const gone = new Set(others.filter(() => prng.between(0, 1) === 0).slice(0, this.#ids.length - half));
    if (prng.between(0, 1) === 0) network.setQuorum(leader.id, others.length);
    network.run(prng.between(0, 3));
    network.isolate(...gone);
    network.propose(leader.id);
    network.run(prng.between(0, 2));
    network.promote(leader.id, true, prng.between(1, others.length));
    for (let round = prng.between(1, 8); round > 0; round--) {
      network.deliverAll();
      for (const id of this.#ids) network.persist(id);
    }
    if (prng.between(0, 1) === 0) this.#restOf(leader.id, others, gone);
    if (prng.between(0, 1) === 0) network.heal();
  }

  /** Of those who helped, all but one are cut off in their turn; the rest find promises enough by what they know. */
  #restOf(leader: string, others: readonly string[], gone: ReadonlySet<string>): void {
    const { network } = this;
    const helped = others.filter((id) => !gone.has(id));
    const knows = helped[0];
    network.isolate(leader, ...(knows === undefined ? [] : [knows]));
    network.propose(leader);
    network.run(this.#prng.between(1, 3));
    const next = others.find((id) => id !== knows);
    if (next === undefined) return;
    network.promote(next);
    network.run(this.#prng.between(1, 6));
    network.propose(next);
    network.run(this.#prng.between(0, 2));
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

  /** A crash and a start, before anybody notices. */
  #bounce(): void {
    const id = this.#someone();
    this.network.crash(id, this.#prng.between(0, 2));
    this.network.restart(id);
  }

  /** Some links, one way or both ways between two sides, or the leader alone: whoever is drawn. */
  #partition(): void {
    const prng = this.#prng;
    const { network } = this;
    if (prng.between(0, 2) === 0) {
      const cut = new Set(this.#ids.flatMap((a) => this.#ids.filter(() => prng.between(0, 2) === 0).map((b) => a + b)));
      network.lost = ({ from, to }) => cut.has(from + to) || cut.has(to + from);
      return;
    }
    const side = new Set(this.#ids.filter(() => prng.between(0, 1) === 1));
    const { leader } = network;
    if (leader !== undefined && prng.between(0, 1) === 1) {
      side.clear();
      side.add(leader.id);
    }
    const oneWay = prng.between(0, 2) === 0;
    network.lost = ({ from, to }) => (oneWay ? side.has(from) && !side.has(to) : side.has(from) !== side.has(to));
  }

  /** The leader is cut off with what it has just appended; somebody else takes over and goes on; then the next. */
  #upheaval(): void {
    const { network } = this;
    const prng = this.#prng;
    for (let round = prng.between(1, 3); round > 0; round--) {
      const { leader } = network;
      if (leader === undefined) return;
      const gone = new Set<string>([leader.id, ...this.#ids.filter(() => prng.between(0, 4) === 0)]);
      network.lost = ({ from, to }) => gone.has(from) !== gone.has(to);
      if (prng.between(0, 1) === 0) network.setQuorum(leader.id, prng.between(1, this.#ids.length - 1));
      network.propose(leader.id);
      network.run(prng.between(0, 4));
      const rest = this.#ids.filter((id) => !gone.has(id));
      const next = rest[prng.between(0, Math.max(0, rest.length - 1))];
      if (next === undefined) return;
      network.promote(next);
      if (prng.between(0, 1) === 0) network.run(prng.between(1, 6));
      else this.#justPromoted(next);
      if (network.engine(next).role === 'leader')
        for (let count = prng.between(0, 2); count > 0; count--) network.propose(next);
      network.run(prng.between(0, 2));
      if (prng.between(0, 2) === 0) this.#return(leader.id, next, rest);
      if (prng.between(0, 1) === 0) network.heal();
    }
  }

  /** The leader is heard and hears nobody, or only some, for longer than it stays. */
  #deafen(): void {
    const { network } = this;
    const { leader } = network;
    if (leader === undefined) return;
    const heard = new Set(this.#ids.filter(() => this.#prng.between(0, 3) === 0));
    network.lost = ({ from, to }) => to === leader.id && !heard.has(from);
    network.propose(leader.id);
    network.run(this.#prng.between(60, 110));
    if (this.#prng.between(0, 1) === 0) network.heal();
  }

  /** Until it leads, and not one message further. */
  #justPromoted(id: string): void {
    const { network } = this;
    for (let round = 0; round < 8 && network.engine(id).role !== 'leader'; round++) {
      network.deliverAll();
      for (const other of this.#ids) if (network.engine(id).role !== 'leader') network.persist(other);
    }
  }

  /** Now the new leader is cut off, and the old one meets those who had promised; some of them have been started again. */
  #return(old: string, next: string, rest: readonly string[]): void {
    const { network } = this;
    for (const id of rest) {
      if (id === next || this.#prng.between(0, 2) === 0) continue;
      network.crash(id, this.#prng.between(0, 2));
      network.restart(id);
    }
    network.isolate(next);
    network.run(this.#prng.between(1, 4));
    network.propose(old);
    network.run(this.#prng.between(0, 3));
  }

  /** Whom an operator would choose where only force is left: of those that can stand, the one with the greatest log. */
  #mostAdvanced(): string {
    const members = [...this.network.members.values()];
    const whole = members.filter(({ engine }) => !engine.status().diverged);
    const [best] = (whole.length > 0 ? whole : members).sort(({ engine: a }, { engine: b }) => {
      const [termA, termB] = [a.termOf(a.lastIndex) ?? 0, b.termOf(b.lastIndex) ?? 0];
      return termB - termA || b.lastIndex - a.lastIndex;
    });
    return best?.id ?? this.#someone();
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
        // Where members do not count after a forced promotion, only the next one helps.
        const force = network.checker.forced && round > 200;
        if ((force || this.#swarm.promotion === 'manual') && round % 60 === 59)
          network.promote(force ? this.#mostAdvanced() : this.#someone(), force);
        continue;
      }
      if (leader.engine.lastIndex < proposed) proposed = -1;
      if (proposed < 0 && (network.propose(leader.id)?.accepted ?? null) !== null) proposed = leader.engine.lastIndex;
      if (proposed < 0) continue;
      const states = [...network.members.values()].map(({ state }) => state.slice(0, proposed).join());
      if (leader.state.length < proposed || states.some((state) => state !== states[0])) continue;
      network.checker.checkLost();
      return;
    }
    throw new Error('no progress after all faults ended');
  }
}
