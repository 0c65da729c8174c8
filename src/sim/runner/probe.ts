import { Violation, type SimProcess, type VirtualTime } from '../world/types.js';
import { certaintyOf, type Answer } from '../clients/answer.js';
import { commandOf } from '../clients/intent.js';
import type { Request, Sender } from '../clients/wire.js';

const PAUSE_MS = 25;

/** Asks for one thing, again and again, until it is done. */
export class Probe {
  /** The last answer, for the report. */
  last: Answer | null = null;
  done = false;
  readonly #time: VirtualTime;
  readonly #wire: Sender;
  readonly #choose: () => SimProcess;
  readonly #request: Request;
  readonly #timeoutMs: number;
  readonly #onDone: (answer: Answer) => void;
  readonly #isFinal: (answer: Answer) => boolean;

  constructor(
    context: { readonly time: VirtualTime; readonly wire: Sender; readonly timeoutMs: number },
    choose: () => SimProcess,
    request: Request,
    onDone: (answer: Answer) => void,
    isFinal: (answer: Answer) => boolean = (answer) => certaintyOf(answer) === 'done',
  ) {
    this.#time = context.time;
    this.#wire = context.wire;
    this.#timeoutMs = context.timeoutMs;
    this.#choose = choose;
    this.#request = request;
    this.#onDone = onDone;
    this.#isFinal = isFinal;
    this.#ask();
  }

  #ask(): void {
    let over = false;
    const end = (answer: Answer): void => {
      if (over) return;
      over = true;
      stop();
      cancel();
      this.last = answer;
      if (this.#isFinal(answer)) {
        this.done = true;
        this.#onDone(answer);
      } else this.#time.after(PAUSE_MS, () => this.#ask());
    };
    const stop = this.#wire.send(this.#choose(), this.#request, end);
    const cancel = this.#time.after(this.#timeoutMs, () => end({ type: 'timeout' }));
  }
}

/** A write to one replica, and then a linearizable read there that must show it. */
export class Service {
  readonly process: SimProcess;
  #probe: Probe;
  #served = false;

  constructor(
    context: { readonly time: VirtualTime; readonly wire: Sender; readonly timeoutMs: number },
    process: SimProcess,
  ) {
    this.process = process;
    const key = `probe-${process.id}`;
    const value = `written through ${process.id}`;
    const write = commandOf({ kind: 'put', key, value }, { clientId: key, seq: 1 });
    this.#probe = new Probe(
      context,
      () => process,
      { type: 'write', command: write },
      () => {
        this.#probe = new Probe(
          context,
          () => process,
          { type: 'read', key, consistency: 'linearizable' },
          (answer) => {
            this.#served = true;
            if (answer.type === 'read' && answer.value === value) return;
            throw new Violation('acknowledged-present', `${process.id} acknowledged ${key} and does not show it`);
          },
        );
      },
    );
  }

  get served(): boolean {
    return this.#served;
  }

  describe(): string {
    const { id, member, state } = this.process;
    const role = member === null ? state : `${member.raft.role} of term ${member.raft.term}`;
    return `${id} (${role}) ${this.#served ? 'serves' : `says ${JSON.stringify(this.#probe.last)}`}`;
  }
}
