import type { AsyncBenchCase, BenchSuite } from '../harness.js';
import { payloadOf, sizeLabel } from './entries.js';
import { ReplicationLeader, type Shipment } from './replication-leader.js';

const PAYLOAD_BYTES = [64, 256, 4096] as const;
const BATCH_ENTRIES = [1, 16, 256] as const;
/** Entries and bytes of one timed run, whichever is less: some windows' worth, some tens of milliseconds. */
const RUN_ENTRIES = 16_384;
const RUN_BYTES = 16 * 1024 * 1024;
const RUN_BATCHES = 2048;

function suite(name: string, fsync: boolean): BenchSuite {
  return {
    name,
    create: async () => {
      const leader = await ReplicationLeader.start(fsync);
      const cases = PAYLOAD_BYTES.flatMap((size) => BATCH_ENTRIES.map((entries) => caseOf(leader, size, entries)));
      return { cases, close: () => leader.close() };
    },
  };
}

function caseOf(leader: ReplicationLeader, size: number, entries: number): AsyncBenchCase {
  const runEntries = Math.min(RUN_ENTRIES, RUN_BYTES / size, RUN_BATCHES * entries);
  const shipment: Shipment = { batches: Math.floor(runEntries / entries), entries, payload: payloadOf(size) };
  let before = 0;
  const run = async (): Promise<number> => {
    before = await leader.ship(shipment);
    leader.cut();
    return before;
  };
  return {
    name: `to 2 followers over TCP, ${sizeLabel(size)} x ${entries}`,
    runAsync: run,
    check: async () => {
      const first = await run();
      return (await run()) - first === shipment.batches * entries;
    },
    work: { amount: shipment.batches * entries, unit: 'entries' },
  };
}

export const replicationSuites: readonly BenchSuite[] = [
  suite('replication/fsync', true),
  suite('replication/no-fsync', false),
];
