import type { Plan } from '../plan/plan.js';
import { Client, type ClientContext, type ClientStats } from './client.js';

/** All clients of a plan. */
export class Workload {
  readonly #clients: readonly Client[];

  constructor(plan: Plan, context: ClientContext) {
    const shared = (id: string): boolean => plan.clients.filter((other) => other.id === id).length > 1;
    this.#clients = plan.clients.map((client, number) => new Client(client, number, shared(client.id), context));
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  /** No new operations; those in progress come to an end. */
  drain(): void {
    for (const client of this.#clients) client.drain();
  }

  get ended(): boolean {
    return this.#clients.every(({ ended }) => ended);
  }
}

export function createClientStats(): ClientStats {
  return { ok: 0, mismatch: 0, failed: 0, unknown: 0, retries: 0, duplicatesSent: 0 };
}
