import type { ReplicaId } from '../../base/brand.js';
import { KvorumError, toKvorumError } from '../../base/errors/error.js';
import type { Keyspace, MembershipRequest } from '../../replica/router.js';
import { leaderUrl } from './leader.js';

/** What became of a change in one keyspace. */
export interface KeyspaceOutcome {
  readonly keyspace: string;
  readonly ok: boolean;
  /** What this request did there; empty when it was done before. */
  readonly done: readonly Done[];
  readonly index?: number;
  readonly error?: KvorumError;
}

export type Done = 'added' | 'promoted' | 'removed';

const DONE: Readonly<Record<MembershipRequest['op'], Done>> = { add: 'added', promote: 'promoted', remove: 'removed' };

/** Time left of what a request was given, for all its keyspaces together. */
export class Deadline {
  readonly #endMs: number;

  constructor(timeoutMs: number) {
    this.#endMs = performance.now() + timeoutMs;
  }

  get leftMs(): number {
    return Math.max(0, Math.ceil(this.#endMs - performance.now()));
  }
}

/**
 * Applies the changes to every keyspace, one keyspace after the other: a mistake shows in the first of them before it
 * is made in all. One that fails does not keep the others from it: the request can be repeated as it is, and finds done
 * what is done.
 */
export async function changeKeyspaces(
  keyspaces: readonly Keyspace[],
  requests: readonly MembershipRequest[],
  deadline: Deadline,
): Promise<readonly KeyspaceOutcome[]> {
  let outcomes: readonly KeyspaceOutcome[] = keyspaces.map(({ name }) => ({ keyspace: name, ok: true, done: [] }));
  for (const request of requests) {
    const next: KeyspaceOutcome[] = [];
    for (const [at, before] of outcomes.entries()) {
      const keyspace = keyspaces[at];
      next.push(before.ok && keyspace !== undefined ? await changeOne(keyspace, before, request, deadline) : before);
    }
    outcomes = next;
  }
  return outcomes;
}

async function changeOne(
  keyspace: Keyspace,
  before: KeyspaceOutcome,
  request: MembershipRequest,
  deadline: Deadline,
): Promise<KeyspaceOutcome> {
  const { leftMs } = deadline;
  if (leftMs === 0)
    return { ...before, ok: false, error: new KvorumError('busy', 'There was no time left for it: ask again') };
  try {
    const { changed, index } = await keyspace.changeMembership(request, leftMs);
    return { ...before, index, done: changed ? [...before.done, DONE[request.op]] : before.done };
  } catch (error) {
    return { ...before, ok: false, error: toKvorumError(error) };
  }
}

export function outcomeDocument({ done, error, index, keyspace, ok }: KeyspaceOutcome): Record<string, unknown> {
  const document = { keyspace, ok, done, ...(index === undefined ? {} : { index }) };
  if (error === undefined) return document;
  return { ...document, code: error.code, detail: error.message, retry: error.spec.retry };
}

/**
 * The one error of a request that failed somewhere: an unknown outcome before any refusal, because it asks for more
 * care. `results` tells what happened everywhere.
 */
export function failureOf(
  id: ReplicaId,
  keyspaces: readonly Keyspace[],
  outcomes: readonly KeyspaceOutcome[],
): KvorumError | null {
  const failed = outcomes.filter(({ ok }) => !ok);
  const worst = failed.find(({ error }) => error?.spec.retry === 'outcome-unknown') ?? failed[0];
  if (worst?.error === undefined) return null;
  const { code, extra, message } = worst.error;
  const where = outcomes.length === 1 ? '' : `Keyspace ${worst.keyspace}: `;
  const leader = keyspaces.find(({ name }) => name === worst.keyspace)?.leader() ?? null;
  return new KvorumError(code, `${where}${message}`, {
    cause: worst.error,
    extra: {
      ...extra,
      id,
      keyspace: worst.keyspace,
      leader: leader?.id ?? null,
      leader_http: leaderUrl(leader?.http ?? null),
      results: outcomes.map(outcomeDocument),
    },
  });
}
