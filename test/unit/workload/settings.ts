import { mixOfReads, type WorkloadSettings } from '../../../src/workload/settings.js';

/** Small and harmless; tests change what they are about. */
export function settings(changes: Partial<WorkloadSettings> = {}): WorkloadSettings {
  return {
    driver: 'resp',
    keyspace: null,
    clients: 1,
    pipeline: 1,
    threads: 1,
    rate: null,
    mix: mixOfReads(0.5),
    distribution: 'uniform',
    keys: 100,
    valueBytes: { min: 16, max: 16 },
    seed: 1,
    warmUpSeconds: 0,
    seconds: 1,
    operations: null,
    timeoutMs: 1000,
    waitReplicas: 0,
    ...changes,
  };
}
