import { Excused, Violation, type Observer } from './types.js';
import type { WorldTime } from './virtual-time.js';

type Method = keyof Observer;

/** Those of the observers that want to know about one sort of thing. */
type Callees = { readonly [Name in Method]: readonly NonNullable<Observer[Name]>[] };

/**
 * Tells all observers. What they throw ends the run after the event that they saw, and is never thrown into the code
 * that is being observed: it would take it for a failure of its own and answer clients because of it.
 */
export class Witness implements Required<Omit<Observer, 'onAcknowledged' | 'onRead'>> {
  readonly #time: WorldTime;
  readonly #observers: readonly Observer[];
  readonly #onTurn: Callees['onTurn'];
  readonly #onMessage: Callees['onMessage'];
  readonly #onApplied: Callees['onApplied'];
  readonly #onDelivered: Callees['onDelivered'];

  constructor(time: WorldTime, observers: readonly Observer[]) {
    this.#time = time;
    this.#observers = observers;
    this.#onTurn = observers.flatMap((observer) => observer.onTurn?.bind(observer) ?? []);
    this.#onMessage = observers.flatMap((observer) => observer.onMessage?.bind(observer) ?? []);
    this.#onApplied = observers.flatMap((observer) => observer.onApplied?.bind(observer) ?? []);
    this.#onDelivered = observers.flatMap((observer) => observer.onDelivered?.bind(observer) ?? []);
  }

  onStarted: Observer['onStarted'] & {} = (...event) => this.#tell((each) => each.onStarted?.(...event));
  onCrashed: Observer['onCrashed'] & {} = (...event) => this.#tell((each) => each.onCrashed?.(...event));
  onWiped: Observer['onWiped'] & {} = (...event) => this.#tell((each) => each.onWiped?.(...event));
  onRolledBack: Observer['onRolledBack'] & {} = (...event) => this.#tell((each) => each.onRolledBack?.(...event));
  onDurable: Observer['onDurable'] & {} = (...event) => this.#tell((each) => each.onDurable?.(...event));
  onCheckpoint: Observer['onCheckpoint'] & {} = (...event) => this.#tell((each) => each.onCheckpoint?.(...event));
  onDiscarded: Observer['onDiscarded'] & {} = (...event) => this.#tell((each) => each.onDiscarded?.(...event));
  onCheckpointFound: Observer['onCheckpointFound'] & {} = (...event) =>
    this.#tell((each) => each.onCheckpointFound?.(...event));

  readonly onMessage: Observer['onMessage'] & {} = (process, group, message) => {
    try {
      for (const call of this.#onMessage) call(process, group, message);
    } catch (error) {
      this.#note(error);
    }
  };

  readonly onApplied: Observer['onApplied'] & {} = (process, group, entry) => {
    try {
      for (const call of this.#onApplied) call(process, group, entry);
    } catch (error) {
      this.#note(error);
    }
  };

  readonly onDelivered: Observer['onDelivered'] & {} = (process, group, batch) => {
    try {
      for (const call of this.#onDelivered) call(process, group, batch);
    } catch (error) {
      this.#note(error);
    }
  };

  readonly onTurn: Observer['onTurn'] & {} = (process) => {
    try {
      for (const call of this.#onTurn) call(process);
    } catch (error) {
      this.#note(error);
    }
  };

  #tell(call: (observer: Observer) => void): void {
    try {
      for (const observer of this.#observers) call(observer);
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const known = error instanceof Violation || error instanceof Excused;
    this.#time.violate(known ? error : new Violation('checker-failed', reason));
  }
}
