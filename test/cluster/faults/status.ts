import { KvorumClient } from '../../../src/client/client.js';

export interface Link {
  readonly peer: string;
  readonly address: string;
  readonly connected: boolean;
  readonly reconnects: number;
  readonly closed_by: Readonly<Record<string, number>>;
}

export interface MembershipStatus {
  readonly committed: boolean;
  readonly joint: boolean;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  readonly removed: readonly string[];
}

interface MemberStatus {
  readonly keyspace: string;
  readonly role: string;
  readonly term: number;
  readonly leader: string | null;
  readonly commit_index: number;
  readonly membership: MembershipStatus;
}

/** The parts of GET /status that tests look at. */
export interface Status {
  readonly id: string;
  readonly keyspaces: readonly MemberStatus[];
  readonly links: readonly Link[];
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Whoever runs answers in no time, unless the machine has none. */
const TIMEOUT_MS = 5000;

/** GET /status of one replica; rejects when it does not answer. */
export async function statusOf(http: string): Promise<Status> {
  using client = new KvorumClient({ node: http, timeoutMs: TIMEOUT_MS });
  return (await client.status()) as unknown as Status;
}

/** Whether the replica says that it is ready; false when it says nothing. */
export async function isReady(http: string): Promise<boolean> {
  try {
    const answer = await fetch(`${http}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** What readiness is made of; rejects when the replica does not answer. */
export async function healthChecks(http: string): Promise<readonly HealthCheck[]> {
  const answer = await fetch(`${http}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const { checks } = (await answer.json()) as { readonly checks: readonly HealthCheck[] };
  return checks;
}
