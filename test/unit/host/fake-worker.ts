import { parentPort, workerData } from 'node:worker_threads';
import { assertDefined } from '../../../src/base/assert.js';
import type { HostToReplica, ReplicaStart, ReplicaToHost } from '../../../src/host/messages.js';

/** Stands in for a replica's thread: behaves as the replica's id says. */
const port = assertDefined(parentPort ?? undefined, 'runs in a worker thread');
const { replica, incarnation } = workerData as ReplicaStart;
const tell = (message: ReplicaToHost): void => port.postMessage(message);
const ready = (): void => {
  tell({ type: 'role', role: { group: 'default/0', role: 'follower', term: incarnation, leader: null } });
  tell({ type: 'ready', endpoints: { peer: 'p', http: null, redis: null }, recovered: null });
};

if (replica === 'n1') {
  port.on('message', (message: HostToReplica) => {
    if (message.type !== 'drain') return;
    tell({ type: 'stopped' });
    process.exit(0);
  });
  ready();
} else if (replica === 'n2') {
  process.exit(1); // Dies at every start.
} else if (replica === 'n3') {
  tell({ type: 'failed', code: 'log_corrupt', detail: 'damaged', fatal: true });
  process.exit(1);
} else if (replica === 'n4') {
  port.on('message', () => {
    ready(); // Told to drain while it was starting: reports ready first, and dies.
    process.exit(1);
  });
} else {
  port.on('message', () => undefined); // Hangs.
  ready();
}
