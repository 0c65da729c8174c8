import type { Revision, Term } from '../../../base/brand.js';
import { commandOf } from '../../clients/intent.js';
import type { Sender } from '../../clients/wire.js';
import { Violation, type SimProcess, type VirtualTime } from '../../world/types.js';
import { Probe } from '../probe.js';

const KEY = 'probe';
const VALUE = 'written after all faults';

/** A write, a strong read that must show it, and a read of every member that has seen it. */
export class SemisyncService {
  #last: Probe;
  #reads: readonly Probe[] | null = null;

  constructor(
    context: { readonly time: VirtualTime; readonly wire: Sender; readonly timeoutMs: number },
    core: readonly SimProcess[],
    leader: () => SimProcess,
  ) {
    const command = commandOf({ kind: 'put', key: KEY, value: VALUE }, { clientId: KEY, seq: 1 });
    this.#last = new Probe(context, leader, { type: 'write', command }, () => {
      this.#last = new Probe(context, leader, { type: 'read', key: KEY, consistency: 'strong' }, (answer) => {
        if (answer.type !== 'read') return;
        if (answer.value !== VALUE) throw new Violation('acknowledged-kept', `a strong read does not show ${KEY}`);
        const seen = { revision: answer.revision as Revision, epoch: (answer.epoch ?? 0) as Term };
        this.#reads = core.map(
          (process) =>
            new Probe(
              context,
              () => process,
              { type: 'read', key: KEY, consistency: 'follower', seen },
              (shown) => {
                if (shown.type === 'read' && shown.value === VALUE) return;
                throw new Violation('session-reads', `${process.id} does not show ${KEY} to whoever has read it`);
              },
            ),
        );
      });
    });
  }

  get served(): boolean {
    return this.#reads?.every(({ done }) => done) === true;
  }

  describe(): string {
    const last = this.#reads?.find(({ done }) => !done) ?? this.#last;
    return this.served ? 'served' : `the last answer is ${JSON.stringify(last.last)}`;
  }
}
