import { certaintyOf, type Answer } from '../clients/answer.js';
import type { History } from '../clients/history.js';
import type { Request, Sender } from '../clients/wire.js';
import type { SimProcess } from '../world/types.js';
import { abandon, healWorld, mend, resetLinks, startSoon, type Fate, type Healing } from './healing.js';
import { mustAnswer, type Patience } from './phases.js';
import { Probe, type Asking } from './probe.js';

/** What runs of engines with one log and one leader at a time have in common (raft, semisync). */

/** For a first leader in a world in which nothing has happened yet but lost messages and slow disks. */
export const SETTLED_WITHIN_MS = 10_000;

/** Steps of the checker of histories, for each key. Beyond it a key is counted as undecided. */
export const CHECK_STEPS = 400_000;

/** Whoever is not of the core is healed as well, in worlds in which all are, or stays as it is for ever. */
function isHealed({ core, plan, stage }: Healing, process: SimProcess): boolean {
  return core.includes(process) || (plan.healAll && !stage.atlas.isDamaged(process));
}

/** The core serves from now on; `drawFate`: how somebody else is left. */
export function healOrdered(healing: Healing, drawFate: () => Fate): void {
  const { network } = healing.world;
  healWorld(healing, {
    allLinks: healing.plan.healAll,
    isHealed: (process) => isHealed(healing, process),
    revive: (process) => {
      mend(process);
      if (process.state === 'down') startSoon(healing.world, process);
    },
    abandon: (process) => abandon(healing, process, drawFate()),
  });
  resetLinks(healing, (from, to) => network.heal(from, to));
}

/** Nobody asks these what they have. */
export function stopOthers(healing: Healing): void {
  const { stage, world } = healing;
  for (const process of world.processes.values()) {
    if (isHealed(healing, process)) continue;
    stage.supervisor.hold(process);
    stage.crash(process, 'nothing', 0);
  }
}

export type OrderedAsking = Asking<Request, Answer>;

export function askingOf({ plan, wire, world }: Pick<Healing, 'plan' | 'world'> & { wire: Sender }): OrderedAsking {
  return {
    time: world.time,
    wire,
    timeoutMs: plan.knobs.requestTimeoutMs,
    timedOut: { type: 'timeout' },
    isFinal: (answer) => certaintyOf(answer) === 'done',
  };
}

export interface LastReads extends Patience {
  readonly asking: OrderedAsking;
  readonly history: History;
  readonly keys: readonly string[];
  readonly consistency: Extract<Request, { type: 'read' }>['consistency'];
  choose(): SimProcess;
  /** `call`: the tick of the history at which it was asked for. */
  onRead(key: string, answer: Extract<Answer, { type: 'read' }>, call: number): void;
}

/** Reads every key once more. Throws Violation. */
export async function readLast(reads: LastReads): Promise<void> {
  const { asking, consistency, history, keys } = reads;
  const probes = keys.map((key) => {
    const call = history.tick();
    return new Probe(
      asking,
      () => reads.choose(),
      { type: 'read', key, consistency },
      (answer) => {
        if (answer.type === 'read') reads.onRead(key, answer, call);
      },
    );
  });
  await mustAnswer(reads, 'a group that served does', probes);
}
