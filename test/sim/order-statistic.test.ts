import t from 'tap';
import { assertDefined } from '../../src/base/assert.js';
import { replicaId } from '../../src/base/brand.js';
import { createPrng } from '../../src/base/prng.js';
import type { Knobs } from '../../src/sim/world/options.js';
import { createWorld } from '../../src/sim/world/index.js';
import type { SimProcess, World } from '../../src/sim/world/types.js';

/** What arrives at a follower waits for as long: uniformly drawn, by the product's own delayed transport. */
const DELAY_MS = [5, 50] as const;
const FOLLOWERS = 5;
const WRITES = 1500;
/** From one write to the next: every delay of the one before is over, so that delays are drawn independently. */
const THINK_MS = 120;
/** Of a link, one way, and of a sync: the follower's, since the leader's own has long ended by then. */
const LINK_MS = 0.2;
const SYNC_MS = 0.05;

/** Timers are rare, so that hardly a frame but those of writes is under way. */
const KNOBS: Knobs = {
  tickMs: 50,
  heartbeatMs: 4000,
  electionTimeoutMs: [40_000, 80_000],
  diskStallMs: 10_000,
  requestTimeoutMs: 5000,
  leaseReads: false,
  segmentBytes: 1_048_576,
  checkpointBytes: 16_777_216,
  retainBytes: 0,
  engineLimits: {},
};

function worldOf(writeQuorum: number): World {
  return createWorld({
    prng: createPrng(8),
    replicas: FOLLOWERS + 1,
    observers: [],
    network: {
      loss: 0,
      duplicate: 0,
      corrupt: 0,
      reorder: 0,
      delayMinMs: LINK_MS,
      delayMeanMs: 0,
      slowTail: 0,
      capacityBytes: 1_048_576,
    },
    disk: { syncMeanMs: SYNC_MS, slowTail: 0 },
    knobs: KNOBS,
    semisync: {
      writeQuorum,
      promotion: 'manual',
      allowAsync: false,
      maxLagMs: 60_000,
      sessionWaitMs: 100,
      delayMs: DELAY_MS,
    },
  });
}

/** Puts one value; resolves to the virtual time that it took. */
async function put(world: World, leader: SimProcess, value: string): Promise<number> {
  const { time } = world;
  const beganMs = time.nowMs;
  const ended: { atMs: number | null } = { atMs: null };
  const command = { operations: [{ op: 'put', key: 'k', value: Buffer.from(value) }] } as const;
  leader.request((keyspace) => {
    keyspace.submit(
      command,
      {
        onPut: () => (ended.atMs = time.nowMs),
        onResult: () => (ended.atMs = time.nowMs),
        onError: (_token, error) => {
          throw error;
        },
      },
      0,
    );
  });
  await time.run(beganMs + KNOBS.requestTimeoutMs, () => ended.atMs !== null);
  return assertDefined(ended.atMs, 'it is acknowledged') - beganMs;
}

/** The mean over many writes, one outstanding at a time. */
async function meanLatencyMs(writeQuorum: number): Promise<number> {
  const world = worldOf(writeQuorum);
  for (const process of world.processes.values()) process.start();
  const leader = assertDefined(world.processes.get(replicaId('n1')), 'the first leader');
  const isReady = (): boolean => {
    const core = leader.semisync?.core ?? null;
    return core?.role === 'leader' && core.status().writeQuorum === writeQuorum && core.commitIndex === core.lastIndex;
  };
  // Everybody is counted, and the write quorum of the topology is in force.
  await world.time.run(300_000, () => isReady() && leader.semisync?.core?.status().available === FOLLOWERS);
  let sumMs = 0;
  for (let write = 0; write < WRITES; write++) {
    await world.time.run(world.time.nowMs + THINK_MS, () => false);
    sumMs += await put(world, leader, `v${write}`);
  }
  world.close();
  return sumMs / WRITES;
}

t.test('mean latency is the W-th order statistic of the delays (ap.md §1.3.8)', async (t) => {
  const [a, b] = DELAY_MS;
  for (let writeQuorum = 1; writeQuorum <= FOLLOWERS; writeQuorum++) {
    const expectedMs = a + ((b - a) * writeQuorum) / (FOLLOWERS + 1) + 2 * LINK_MS + SYNC_MS;
    const meanMs = await meanLatencyMs(writeQuorum);
    const off = Math.abs(meanMs - expectedMs) / expectedMs;
    t.ok(off < 0.05, `W = ${writeQuorum}: ${meanMs.toFixed(2)} ms, expected ${expectedMs.toFixed(2)} ms`);
  }
});
