import type { Term } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { SemisyncControl } from '../../../replica/router.js';
import type { SemisyncChecks } from '../../checks/semisync/index.js';
import type { Position } from '../../checks/semisync/image.js';
import type { History } from '../../clients/history.js';
import { keysOf } from '../../clients/intent.js';
import type { SemisyncWire } from '../../clients/semisync/wire.js';
import type { Workload } from '../../clients/workload.js';
import { chance, pick } from '../../plan/dice.js';
import { HEALED_CLIENT_LINKS } from '../../plan/healed.js';
import type { Plan } from '../../plan/plan.js';
import { Violation, type SimProcess, type World } from '../../world/types.js';
import type { Healing } from '../healing.js';
import { askingOf, healOrdered, readLast, stopOthers } from '../ordered.js';
import { mustServe, type RunUntil } from '../phases.js';
import { SemisyncService } from './service.js';
import type { SemisyncStage } from './stage.js';

export interface SemisyncLivenessOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly stage: SemisyncStage;
  readonly wire: SemisyncWire;
  readonly workload: Workload;
  readonly history: History;
  readonly checks: SemisyncChecks;
  readonly prng: Prng;
  readonly run: RunUntil;
}

/**
 * The second phase: enough members for promotions and for the write quorum are healed, and must take writes again, whatever the
 * others do.
 */
export class SemisyncLiveness {
  readonly #options: SemisyncLivenessOptions;
  #core: readonly SimProcess[] = [];

  constructor(options: SemisyncLivenessOptions) {
    this.#options = options;
  }

  /** Where clients may go now. */
  get core(): readonly SimProcess[] {
    return this.#core;
  }

  /** Ends with a group that serves. Throws Violation. */
  async run(): Promise<void> {
    const { checks, plan, prng, stage, wire, world, workload } = this.#options;
    this.#core = this.#chooseCore();
    stage.reach(this.#core);
    stage.end();
    // Never one-way: a leader that is heard, and hears nobody, keeps its place until somebody is promoted.
    healOrdered(this.#healing, () => pick(prng, ['dead', 'dead', 'cut off'] as const));
    wire.links = HEALED_CLIENT_LINKS;
    workload.drain();
    // What an operator has begun may still take back what is served now, where it was forced.
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => !stage.promoting);
    const service = new SemisyncService({
      ...askingOf(this.#options),
      core: this.#core,
      leader: () => this.#leader(),
      isLossy: () => checks.facts.lossy,
    });
    const { core } = this;
    const who = `${core.length} of ${stage.members().length} members are healed, ${stage.needed} are needed, and do`;
    await mustServe(this.#options, who, [service]);
  }

  /** Intact members; one is left out where the others suffice. Force may have left some that do not count. */
  #chooseCore(): SimProcess[] {
    const { plan, prng, stage } = this.#options;
    const intact = stage.members().filter((process) => !stage.atlas.isDamaged(process) && !process.disk.lies);
    const mayLose = !plan.healAll && !stage.forced && stage.formed && intact.length > stage.needed && chance(prng, 0.6);
    const lost = mayLose ? pick(prng, intact) : null;
    return intact.filter((process) => process !== lost);
  }

  #leader(): SimProcess {
    const { prng, stage } = this.#options;
    const leader = stage.leader();
    return leader !== null && this.#core.includes(leader) ? leader : pick(prng, this.#core);
  }

  get #healing(): Healing {
    return { ...this.#options, core: this.#core };
  }

  /** Every running member has what the leader has; otherwise whoever checks next says what differs. */
  async converge(): Promise<void> {
    const { plan, stage, world } = this.#options;
    stopOthers(this.#healing);
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => {
      const led = stage.leader()?.semisync ?? null;
      const core = led?.core ?? null;
      if (led === null || core === null || led.appliedIndex < core.lastIndex) return false;
      return stage
        .members()
        .filter(({ state }) => state !== 'down' && state !== 'refused')
        .every(
          ({ semisync }) => semisync?.appliedIndex === led.appliedIndex && semisync.appliedTerm === led.appliedTerm,
        );
    });
  }

  /** Reads every key once more, strongly. */
  async readBack(): Promise<void> {
    const { history, plan } = this.#options;
    await readLast({
      ...this.#options,
      asking: askingOf(this.#options),
      keys: keysOf(plan.clients).registers,
      consistency: 'strong',
      choose: () => this.#leader(),
      onRead: (key, { epoch = 0, revision, value }, call) => {
        const place = { epoch: epoch as Term, revision };
        const end = history.tick();
        history.push({ client: 'last', kind: 'get', key, value, call, return: end, outcome: 'ok' }, place);
      },
    });
  }

  /** What left a log is in the files of lost writes there (ap.md §1.3.6). */
  async readFiles(): Promise<void> {
    const { checks, plan, world } = this.#options;
    let waiting = 0;
    const found = new Map<SimProcess, readonly Position[]>();
    for (const id of checks.discards.expected) {
      const process = world.processes.get(id);
      if (process?.state !== 'running') continue;
      waiting++;
      process.request((keyspace) => {
        if (keyspace.semisync === null) return;
        void savedIn(keyspace.semisync).then((saved) => found.set(process, saved));
      });
    }
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => found.size === waiting);
    for (const [process, saved] of found) checks.discards.checkFiles(process.id, saved);
    if (found.size < waiting) throw new Violation('discarded-saved', 'somebody does not show its files of lost writes');
  }
}

async function savedIn(control: SemisyncControl): Promise<Position[]> {
  const saved: Position[] = [];
  for (const { discarded } of await control.failovers()) {
    if (discarded === null) continue;
    const file = await control.lostWrites(discarded.file);
    for (const { epoch, index } of file?.commands ?? []) saved.push({ index, term: epoch });
  }
  return saved;
}
