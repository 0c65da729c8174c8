import type { Plan } from '../plan/plan.js';
import { Client, type ClientContext, type ClientStats } from './client.js';

type Loop = Pick<Client, 'start' | 'drain' | 'ended'>;

/** All clients of a run, whatever they ask for. */
export class Workload {
  readonly #clients: readonly Loop[];

  constructor(clients: readonly Loop[]) {
    this.#clients = clients;
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

/** Those of a group with one log. */
export function clientsOf({ clients }: Plan, context: ClientContext): Client[] {
  const shared = (id: string): boolean => clients.filter((other) => other.id === id).length > 1;
  return clients.map((client, number) => new Client(client, number, shared(client.id), context));
}

export function createClientStats(): ClientStats {
  return { ok: 0, mismatch: 0, failed: 0, unknown: 0, retries: 0, duplicatesSent: 0 };
}
