import type { LeaderlessOptions } from '../leaderless/events.js';
import { createLeaderless } from '../leaderless/index.js';
import type { Leaderless } from '../leaderless/leaderless.js';
import type { DeliveryPolicy } from '../leaderless/policy.js';

/** Last writer wins, by Lamport time: a batch waits for nothing but what its origin wrote before it. */
export const lwwPolicy: DeliveryPolicy = {
  engine: 'lww',
  waitsFor: () => null,
};

export function createLww(options: LeaderlessOptions): Leaderless {
  return createLeaderless(options, lwwPolicy);
}
