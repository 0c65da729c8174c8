import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { assertDefined } from '../base/assert.js';
import { toKvorumError, type KvorumError } from '../base/errors/error.js';
import { createLogger } from '../observe/logger.js';
import { FATAL_CODES, type HostToReplica, type ReplicaStart, type ReplicaToHost } from './messages.js';
import { startNode, type ReplicaNode } from './node.js';

/** The thread of one replica: starts it, obeys the launcher, reports. */
const port = assertDefined(isMainThread ? null : parentPort, 'this module runs in a worker thread only');
const { topology, replica, incarnation, restarts } = workerData as ReplicaStart;
const logger = createLogger({ level: topology.log.level, replica });

function tell(message: ReplicaToHost): void {
  port.postMessage(message);
}

function tellFailed(error: KvorumError): void {
  tell({ type: 'failed', code: error.code, detail: error.message, fatal: FATAL_CODES.includes(error.code) });
}

async function end(node: ReplicaNode, how: 'drain' | 'close'): Promise<void> {
  await node[how]();
  tell({ type: 'stopped' });
  process.exit(0);
}

async function main(): Promise<void> {
  const node = await startNode({
    topology,
    replica,
    incarnation,
    restarts,
    logger,
    onRole: (role) => tell({ type: 'role', role }),
    onFailed: (error) => {
      tellFailed(error);
      process.exit(1); // What was acknowledged is on disk; recovery reads it from there, never from memory.
    },
  });
  let ending = false;
  port.on('message', (message: HostToReplica) => {
    if (ending && message.type === 'drain') return;
    ending = true;
    end(node, message.type === 'drain' ? 'drain' : 'close').catch((error: unknown) => {
      tellFailed(toKvorumError(error));
      process.exit(1);
    });
  });
  tell({ type: 'ready', endpoints: node.endpoints, recovered: node.recovered });
}

try {
  await main();
} catch (error) {
  const failure = toKvorumError(error);
  // What the operator must cure is told by the launcher, in words; a stack helps with the rest.
  if (!FATAL_CODES.includes(failure.code)) {
    logger.error('start_failed', { code: failure.code, detail: failure.message, stack: failure.stack });
  }
  tellFailed(failure);
  process.exit(1);
}
