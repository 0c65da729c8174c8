import { Buffer } from 'node:buffer';
import { ERRORS, type ErrorCode } from '../../base/errors/catalogue.js';
import { KvorumError, toKvorumError } from '../../base/errors/error.js';
import type { Keyspace, Promotion, ReplicaInfo, Router } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { wasForwarded } from './forward.js';
import { parseJsonObject, type JsonObject } from './json.js';
import { leaderUrl } from './leader.js';
import { askPeer, IN_FLIGHT_MAX, type PeerAnswer } from './peer-request.js';
import { notLeader, semisyncView } from './semisync-view.js';

/** A promotion waits for promises, and one by force for whoever answers. */
export const PROMOTION_MS_MAX = 60_000;

export function promotionDocument(keyspace: Keyspace, promotion: Promotion): Record<string, unknown> {
  const { epoch, leader, lossPossible, promised, required, writeQuorum } = promotion;
  const how = { promised, required, loss_possible: lossPossible, write_quorum: writeQuorum };
  return { keyspace: keyspace.name, leader, epoch, ...how };
}

/**
 * Hands leadership of a keyspace with a write quorum over: it is the target that asks for promises, so the request goes on
 * to it. Without a target, the leader chooses the follower that has most.
 */
export function promoteTarget(exchange: Exchange, keyspace: Keyspace, target: ReplicaInfo | null): void {
  const chosen = target ?? mostAdvanced(exchange.router, keyspace);
  exchange.mayTake(PROMOTION_MS_MAX);
  if (chosen.id === exchange.router.self) {
    (keyspace.semisync as NonNullable<Keyspace['semisync']>).promote(false).then(
      (promotion) => exchange.json(200, JSON.stringify(promotionDocument(keyspace, promotion))),
      (error: unknown) => exchange.fail(toKvorumError(error)),
    );
    return;
  }
  if (wasForwarded(exchange)) throw cannotAsk(chosen);
  askToLead(exchange.router, keyspace, chosen, PROMOTION_MS_MAX).then(
    (answer) => exchange.json(200, answer),
    (error: unknown) => exchange.fail(toKvorumError(error)),
  );
}

function cannotAsk({ id }: ReplicaInfo): KvorumError {
  return new KvorumError('cannot_connect', `${id} has to promote itself, and cannot be asked over HTTP`);
}

/** Resolves to its answer. */
function askToLead(router: Router, keyspace: Keyspace, chosen: ReplicaInfo, timeoutMs: number): Promise<string> {
  const base = leaderUrl(chosen.http);
  if (base === null) return Promise.reject(cannotAsk(chosen));
  const body = Buffer.from(JSON.stringify({ keyspace: keyspace.name }));
  const headers = { 'content-type': 'application/json', 'x-kvorum-forwarded': router.self };
  const asked = { method: 'POST', path: '/admin/promote', headers, body, timeoutMs };
  return new Promise((resolve, reject) => {
    const taken = askPeer(base, asked, (outcome) => {
      const unreachable = 'failed' in outcome;
      if (unreachable) reject(new KvorumError('cannot_connect', `${base} cannot be reached: ${outcome.failed}`));
      else if (outcome.status === 200) resolve(outcome.body.toString('utf8'));
      else reject(refusalIn(outcome, chosen.id));
    });
    if (!taken) reject(new KvorumError('busy', `${IN_FLIGHT_MAX} requests are on their way to other replicas`));
  });
}

/** A leader that is about to stop asks the follower that has most to take its place. Rejects when that does not work. */
export async function handOverQuorum(router: Router, keyspace: Keyspace, timeoutMs: number): Promise<void> {
  await askToLead(router, keyspace, mostAdvanced(router, keyspace), timeoutMs);
}

function mostAdvanced(router: Router, keyspace: Keyspace): ReplicaInfo {
  const followers = semisyncView(keyspace)?.engine.followers ?? [];
  if (keyspace.leader()?.isSelf !== true) throw notLeader(router, keyspace);
  const online = followers.filter(({ state }) => state === 'online');
  const [best] = online.toSorted((one, other) => other.durableIndex - one.durableIndex);
  const chosen = router.replicas.find(({ id }) => id === best?.peer);
  if (chosen !== undefined) return chosen;
  throw new KvorumError('transfer_failed', 'No follower keeps up with the leader: name the target to have it tried');
}

/** The other replica's refusal as our own. */
function refusalIn({ body, status }: PeerAnswer, id: string): KvorumError {
  const { code, detail, ...extra } = documentIn(body);
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code);
  if (!known) return new KvorumError('transfer_failed', `${id} answered ${status}`);
  return new KvorumError(code as ErrorCode, typeof detail === 'string' ? detail : undefined, { extra });
}

function documentIn(body: Buffer): JsonObject {
  try {
    return parseJsonObject(body);
  } catch {
    return {};
  }
}
