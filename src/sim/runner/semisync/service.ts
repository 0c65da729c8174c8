import type { Revision, Term } from '../../../base/brand.js';
import { certaintyOf, type Answer } from '../../clients/answer.js';
import { commandOf } from '../../clients/intent.js';
import { Violation, type SimProcess } from '../../world/types.js';
import type { Request } from '../../clients/wire.js';
import type { OrderedAsking } from '../ordered.js';
import type { Serving } from '../phases.js';
import { Probe } from '../probe.js';

const KEY = 'probe';

/** What the session has seen does not exist any more: asking again does not help. */
function isShownOrLost(answer: Answer): boolean {
  return certaintyOf(answer) === 'done' || (answer.type === 'error' && answer.code === 'causal_history_lost');
}

type OrderedProbe = Probe<Request, Answer>;

export interface ServiceOptions extends OrderedAsking {
  readonly core: readonly SimProcess[];
  readonly leader: () => SimProcess;
  /** Somebody was promoted by force: a history may still take the place of the one that was written to. */
  readonly isLossy: () => boolean;
}

/** A write, a strong read that must show it, and a read of every member that has seen it. */
export class SemisyncService implements Serving {
  readonly #options: ServiceOptions;
  #attempts = 0;
  #last: OrderedProbe;
  #reads: readonly OrderedProbe[] = [];

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#last = this.#write();
  }

  get served(): boolean {
    return this.#reads.length > 0 && this.#reads.every(({ done }) => done);
  }

  describe(): string {
    const last = this.#reads.find(({ done }) => !done) ?? this.#last;
    return this.served ? 'served' : `the last answer is ${JSON.stringify(last.last)}`;
  }

  #write(): OrderedProbe {
    const attempt = ++this.#attempts;
    const value = `written after all faults, ${attempt}`;
    this.#reads = [];
    const command = commandOf({ kind: 'put', key: KEY, value }, { clientId: `${KEY}-${attempt}`, seq: 1 });
    return new Probe(this.#options, this.#options.leader, { type: 'write', command }, () => {
      this.#last = new Probe(
        this.#options,
        this.#options.leader,
        { type: 'read', key: KEY, consistency: 'strong' },
        (answer) => this.#onRead(answer, value),
      );
    });
  }

  #onRead(answer: Answer, value: string): void {
    if (answer.type !== 'read') return;
    if (answer.value !== value) return this.#again('acknowledged-kept', `a strong read does not show ${KEY}`);
    const { epoch = 0, revision } = answer;
    const seen = { revision: revision as Revision, epoch: epoch as Term };
    const { core } = this.#options;
    this.#reads = core.map((process) => {
      const request = { type: 'read', key: KEY, consistency: 'follower', seen } as const;
      const onShown = (shown: Answer): void => {
        if (shown.type === 'read' && shown.value === value) return;
        this.#again('session-reads', `${process.id} does not show ${KEY} to whoever has read it`);
      };
      return new Probe({ ...this.#options, isFinal: isShownOrLost }, () => process, request, onShown);
    });
  }

  /** Where force has lost it, it is written once more. */
  #again(invariant: string, detail: string): void {
    if (!this.#options.isLossy()) throw new Violation(invariant, detail);
    this.#last = this.#write();
  }
}
