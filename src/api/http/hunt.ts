import { systemClock } from '../../base/clock.js';
import type { ReplicaId } from '../../base/brand.js';
import { PARKED_MS_MAX } from '../../replica/ordered/parked.js';
import type { Keyspace } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { forward } from './forward.js';

/** How often it is looked who leads now. */
const LOOK_MS = 20;
/** The same one is asked again after this long: it may have come back. */
const AGAIN_MS = 250;
/** Requests that look for a leader at the same time; further ones are answered at once. */
const HUNTING_MAX = 1024;

let hunting = 0;

/**
 * Hands a request to the leader, as far as this replica knows it. One that is gone, or leads no more, has not done it: then another
 * one is waited for, as long as writes wait for a leader elsewhere (PARKED_MS_MAX), and the client is told what the last one
 * said when none comes. Nothing is sent twice that may have been done.
 */
export function forwardToLeader(exchange: Exchange, keyspace: Keyspace, leader: ReplicaId, changes: boolean): void {
  const untilMs = systemClock.monotonicMs() + PARKED_MS_MAX;
  const ask = (id: ReplicaId): void => {
    const askedMs = systemClock.monotonicMs();
    forward(exchange, id, changes, (answer) => {
      if (hunting >= HUNTING_MAX) return answer();
      hunting++;
      const look = (): void => {
        const nowMs = systemClock.monotonicMs();
        const next = keyspace.leader();
        const there = next !== null && next.http !== null && (next.id !== id || nowMs - askedMs >= AGAIN_MS);
        if (!there && nowMs < untilMs) {
          setTimeout(look, LOOK_MS);
          return;
        }
        hunting--;
        if (!there || nowMs >= untilMs) answer();
        else exchange.run(() => ask(next.id));
      };
      setTimeout(look, LOOK_MS);
    });
  };
  ask(leader);
}
