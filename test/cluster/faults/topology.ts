import { join } from 'node:path';
import type { FaultNetwork, Place } from './network.js';

/** A client's request is answered, or given up, within so long: shorter than a user would want, so that tests are. */
const REQUEST_TIMEOUT_MS = 1200;

/** Where all replicas of a cluster keep their data, each in a folder of its own name. */
export function dataDir(folder: string): string {
  return join(folder, 'data');
}

/**
 * What one replica is told: the others are where it is to dial them. JSON is YAML. Small segments and checkpoints, so
 * that a run of seconds has many.
 */
export function topologyText(folder: string, network: FaultNetwork, own: Place): string {
  const replicas = network.places.map(({ host, httpPort, id, joining, peerPort, redisPort }) => ({
    id,
    peer: id === own.id ? `${host}:${peerPort}` : network.dialled(own.id, id),
    http: `${host}:${httpPort}`,
    redis: `${host}:${redisPort}`,
    joining,
  }));
  return JSON.stringify({
    cluster: 'faults',
    dataDir: dataDir(folder),
    insecureAllowRemote: network.places.some(({ host }) => !host.startsWith('127.')),
    local: [own.id],
    replicas,
    keyspaces: {
      default: { engine: 'raft', reads: 'linearizable' },
      loose: { engine: 'raft', reads: 'stale' },
    },
    timing: { requestTimeoutMs: REQUEST_TIMEOUT_MS },
    storage: { segmentBytes: 1024 * 1024, checkpointBytes: 2 * 1024 * 1024, retainBytes: 256 * 1024 },
    supervisor: { crashLoopCount: 1000 },
  });
}
