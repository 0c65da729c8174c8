import { Violation, type SimProcess, type VirtualTime } from '../world/types.js';
import type { Serving } from './phases.js';

const PAUSE_MS = 25;

/** How an engine's replicas are asked: R is what clients send, A what they hear. */
export interface Asking<R, A> {
  readonly time: VirtualTime;
  readonly wire: { send(to: SimProcess, request: R, onAnswer: (answer: A) => void): () => void };
  readonly timeoutMs: number;
  /** What it comes to when nothing is heard. */
  readonly timedOut: A;
  /** After any other answer it is asked again. */
  isFinal(answer: A): boolean;
}

/** Asks for one thing, again and again, until it is done. */
export class Probe<R, A> {
  /** The last answer, for the report. */
  last: A | null = null;
  done = false;
  readonly #asking: Asking<R, A>;
  readonly #choose: () => SimProcess;
  readonly #request: R;
  readonly #onDone: (answer: A) => void;

  constructor(asking: Asking<R, A>, choose: () => SimProcess, request: R, onDone: (answer: A) => void) {
    this.#asking = asking;
    this.#choose = choose;
    this.#request = request;
    this.#onDone = onDone;
    this.#ask();
  }

  #ask(): void {
    const { timedOut, time, timeoutMs, wire } = this.#asking;
    let isOver = false;
    const end = (answer: A): void => {
      if (isOver) return;
      isOver = true;
      stop();
      cancel();
      this.last = answer;
      if (this.#asking.isFinal(answer)) {
        this.done = true;
        this.#onDone(answer);
      } else time.after(PAUSE_MS, () => this.#ask());
    };
    const stop = wire.send(this.#choose(), this.#request, end);
    const cancel = time.after(timeoutMs, () => end(timedOut));
  }
}

/** What an engine's clients say to write and to read. */
export interface Dialect<R, A> {
  write(key: string, value: string): R;
  read(key: string): R;
  shows(answer: A, value: string): boolean;
  /** The last answer, for the report. */
  tell(answer: A): unknown;
  /** What a replica is in its group, for the report. */
  standing(process: SimProcess): string;
}

/** A write to one replica, and then a read there that must show it. */
export class Service<R, A> implements Serving {
  readonly process: SimProcess;
  readonly #dialect: Dialect<R, A>;
  #probe: Probe<R, A>;
  #served = false;

  constructor(asking: Asking<R, A>, process: SimProcess, dialect: Dialect<R, A>) {
    this.process = process;
    this.#dialect = dialect;
    const key = `probe-${process.id}`;
    const value = `written through ${process.id}`;
    const here = (): SimProcess => process;
    this.#probe = new Probe(asking, here, dialect.write(key, value), () => {
      this.#probe = new Probe(asking, here, dialect.read(key), (answer) => {
        this.#served = true;
        if (dialect.shows(answer, value)) return;
        throw new Violation('acknowledged-present', `${process.id} acknowledged ${key} and does not show it`);
      });
    });
  }

  get served(): boolean {
    return this.#served;
  }

  describe(): string {
    const { last } = this.#probe;
    const said = last === null ? 'nothing' : JSON.stringify(this.#dialect.tell(last));
    const standing = this.#dialect.standing(this.process);
    return `${this.process.id} (${standing}) ${this.#served ? 'serves' : `says ${said}`}`;
  }
}
