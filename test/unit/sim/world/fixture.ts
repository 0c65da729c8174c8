import { assertDefined } from '../../../../src/base/assert.js';
import { replicaId } from '../../../../src/base/brand.js';
import type { KvorumError } from '../../../../src/base/errors/error.js';
import { createPrng } from '../../../../src/base/prng.js';
import { createWorld } from '../../../../src/sim/world/index.js';
import type { Knobs, WorldOptions } from '../../../../src/sim/world/options.js';
import type { LinkFaults, SimProcess, World } from '../../../../src/sim/world/types.js';

export const KNOBS: Knobs = {
  tickMs: 5,
  heartbeatMs: 20,
  electionTimeoutMs: [80, 160],
  diskStallMs: 200,
  requestTimeoutMs: 500,
  leaseReads: false,
  segmentBytes: 8 * 1024,
  checkpointBytes: 4 * 1024,
  retainBytes: 1024,
  engineLimits: {},
};

export const CALM: LinkFaults = {
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  delayMinMs: 0.2,
  delayMeanMs: 0.5,
  slowTail: 0,
  capacityBytes: 1024 * 1024,
};

export function worldOf(seed: number, options: Partial<WorldOptions> = {}): World {
  return createWorld({
    prng: createPrng(seed),
    replicas: 3,
    observers: [],
    network: CALM,
    disk: { syncMeanMs: 1, slowTail: 0 },
    knobs: KNOBS,
    frozen: true,
    ...options,
  });
}

export function started(seed: number, options: Partial<WorldOptions> = {}): World {
  const world = worldOf(seed, options);
  for (const process of world.processes.values()) process.start();
  return world;
}

export function processOf(world: World, id: string): SimProcess {
  return assertDefined(world.processes.get(replicaId(id)), `there is a process ${id}`);
}

/** Runs until `attempt` returns something. */
export async function until<T>(world: World, attempt: () => T | null | undefined, timeoutMs = 5000): Promise<T> {
  const found: { value: T | null | undefined } = { value: null };
  await world.time.run(world.time.nowMs + timeoutMs, () => {
    found.value = attempt();
    return found.value !== null && found.value !== undefined;
  });
  return assertDefined(found.value, `it happens within ${timeoutMs} ms`);
}

/** The replica that leads and that a majority follows. */
export function leader(
  world: World,
  among: readonly SimProcess[] = [...world.processes.values()],
): Promise<SimProcess> {
  const majority = Math.floor(world.processes.size / 2) + 1;
  return until(world, () =>
    among.find(({ id, member, state }) => {
      if (member === null || state !== 'running' || member.raft.role !== 'leader') return false;
      const { term } = member.raft;
      const followers = [...world.processes.values()].filter(
        (other) => other.state === 'running' && other.member?.raft.leader === id && other.member.raft.term === term,
      );
      return followers.length >= majority;
    }),
  );
}

/** Writes once; resolves to null, or to the code of the error. */
export async function put(world: World, process: SimProcess, key: string, value: string): Promise<string | null> {
  let answer: { readonly code: string | null } | null = null;
  const onError = (_token: number, error: KvorumError): void => {
    answer = { code: error.code };
  };
  const done = (): void => {
    answer = { code: null };
  };
  const taken = process.request((keyspace) => {
    keyspace.put(bytesOf(key), bytesOf(value), { onPut: done, onResult: done, onError }, 0);
  });
  if (!taken) return 'connection_refused';
  const found = await until<{ readonly code: string | null }>(world, () => answer);
  return found.code;
}

/** A linearizable read; null when there is no such key. */
export async function get(world: World, process: SimProcess, key: string): Promise<string | null> {
  let answer: { readonly value: string | null } | null = null;
  process.request((keyspace) => {
    keyspace.read(
      'linearizable',
      {
        onReadable: (_token, reader) => {
          const record = reader.get(Buffer.from(key).toString('latin1'));
          answer = {
            value:
              record === undefined ? null : Buffer.from(record.source.subarray(record.start, record.end)).toString(),
          };
        },
        onError: (_token, error) => {
          answer = { value: `error ${error.code}` };
        },
      },
      0,
    );
  });
  const found = await until<{ readonly value: string | null }>(world, () => answer);
  return found.value;
}

function bytesOf(text: string): { readonly source: Uint8Array; readonly start: number; readonly end: number } {
  const source = Buffer.from(text);
  return { source, start: 0, end: source.length };
}
