import type { ReplicaId } from '../../base/brand.js';
import { HEALED_DISK, HEALED_LINKS } from '../plan/healed.js';
import type { Stage } from '../plan/nemesis/index.js';
import type { Plan } from '../plan/plan.js';
import type { SimProcess, World } from '../world/types.js';
import type { Supervisor } from './supervisor.js';

/** What is healed, and who must serve then. */
export interface Healing {
  readonly plan: Plan;
  readonly world: World;
  readonly stage: Pick<Stage, 'atlas' | 'crash' | 'cut'> & { readonly supervisor: Pick<Supervisor, 'hold'> };
  /** Its links are good from now on. */
  readonly core: readonly SimProcess[];
}

/** What becomes of each replica is for each engine to say. */
export interface Fates {
  /** Links between all, not of the core only. */
  readonly allLinks: boolean;
  isHealed(process: SimProcess): boolean;
  revive(process: SimProcess): void;
  abandon(process: SimProcess): void;
}

const RESTART_MS = 20;

export function healWorld({ world }: Healing, fates: Fates): void {
  const { network, processes } = world;
  network.faults = HEALED_LINKS;
  if (fates.allLinks) network.healAll();
  for (const process of processes.values()) {
    if (fates.isHealed(process)) fates.revive(process);
    else fates.abandon(process);
  }
}

/** Links of the core begin anew: a frame that is late by a long tail would hold up all that follow it. */
export function resetLinks({ core, world }: Healing, before?: (from: ReplicaId, to: ReplicaId) => void): void {
  for (const from of core) {
    for (const to of core) {
      if (from === to) continue;
      before?.(from.id, to.id);
      world.network.reset(from.id, to.id);
    }
  }
}

/** A sound machine from now on, with a process in it or not. */
export function mend(process: SimProcess): void {
  if (process.state === 'paused') process.resume();
  process.slow(0);
  process.setClock(1, 0);
  process.disk.faults = HEALED_DISK;
}

export function startSoon({ time }: World, process: SimProcess): void {
  time.after(RESTART_MS, () => {
    if (process.state === 'down') process.start();
  });
}

/** How somebody is left: for ever. Deaf: it hears nobody; mute: nobody hears it. */
export type Fate = 'dead' | 'cut off' | 'deaf' | 'mute';

/**
 * To all of the core alike: a leader outside of it that reaches a part of it is a good leader, and the rest can do nothing
 * about that. Whoever is damaged is dead as well.
 */
export function abandon({ core, stage }: Healing, process: SimProcess, fate: Fate): void {
  stage.supervisor.hold(process);
  if (fate === 'dead' || stage.atlas.isDamaged(process)) stage.crash(process, 'nothing', 0);
  for (const { id } of core) {
    if (fate !== 'deaf') stage.cut(process.id, id, true);
    if (fate !== 'mute') stage.cut(id, process.id, true);
  }
}
