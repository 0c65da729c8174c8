import type { Prng } from '../../../base/prng.js';
import type { Knobs } from '../../world/options.js';
import { chance, pick } from '../dice.js';
import type { Rhythm } from './nemeses.js';

/** What worlds of engines with one log and one leader at a time have in common (raft, semisync). */

export interface Pace {
  readonly tickMs: number;
  readonly heartbeatMs: number;
  readonly electionMinMs: number;
}

/**
 * `roundMs`: what a round trip and a sync on both ends take; elections that are faster than some of them never end. Small on
 * purpose, all the same.
 */
export function drawPace(prng: Prng, roundMs: number, rounds: readonly number[]): Pace {
  const tickMs = pick(prng, [5, 10, 10, 20]);
  const heartbeatMs = tickMs * pick(prng, [1, 2, 3, 4]);
  const electionMinMs = Math.max(
    Math.min(250, heartbeatMs * pick(prng, [3, 5, 8])),
    Math.ceil(roundMs * pick(prng, rounds)),
  );
  return { tickMs, heartbeatMs, electionMinMs };
}

type Timing = Pick<Knobs, 'tickMs' | 'heartbeatMs' | 'electionTimeoutMs' | 'diskStallMs' | 'requestTimeoutMs'>;

export function drawTiming(prng: Prng, { electionMinMs, heartbeatMs, tickMs }: Pace): Timing {
  return {
    tickMs,
    heartbeatMs,
    electionTimeoutMs: [electionMinMs, electionMinMs * pick(prng, [2, 2, 3])],
    diskStallMs: pick(prng, [200, 500, 1000]),
    requestTimeoutMs: pick(prng, [500, 1000, 2500]),
  };
}

/** Some worlds have some that are small. */
export function drawLogLimits(prng: Prng): Knobs['engineLimits'] {
  return {
    ...(chance(prng, 0.3) ? { appendEntries: pick(prng, [1, 2, 8]) } : {}),
    ...(chance(prng, 0.3) ? { appendBytes: pick(prng, [256, 2048]) } : {}),
    ...(chance(prng, 0.3) ? { inflightMessages: pick(prng, [1, 2, 8]) } : {}),
    ...(chance(prng, 0.2) ? { inflightBytes: pick(prng, [1024, 16_384]) } : {}),
    ...(chance(prng, 0.1) ? { uncommittedBytes: 16_384 } : {}),
    ...(chance(prng, 0.1) ? { pendingReads: 2 } : {}),
  };
}

/** Calm for an election or a promotion, mostly. */
export function rhythmOfElections({ electionTimeoutMs }: Knobs): Rhythm {
  return { bursts: [2, 3, 4, 6], calmMs: electionTimeoutMs[1], calms: [1, 2, 2, 3] };
}
