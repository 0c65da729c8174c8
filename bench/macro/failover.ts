import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../src/base/logger.js';
import { connect } from '../../src/client/client.js';
import { loadTopology } from '../../src/config/load.js';
import { freePorts } from '../../src/host/cluster.js';
import { Launcher } from '../../src/host/launcher.js';
import type { SupervisedReplica } from '../../src/host/supervisor.js';

/**
 * How long after the death of the leader's thread the next write is acknowledged, at default timings.
 * `node dist/bench/macro/failover.js [kills]`
 */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const KILLS = Number(process.argv[2] ?? 30);

function leaderOf(replicas: readonly SupervisedReplica[]): SupervisedReplica | undefined {
  return replicas.find(({ roles }) => [...roles.values()].some(({ role }) => role === 'leader'));
}

async function nextWriteMs(node: string): Promise<number> {
  const startMs = performance.now();
  const client = connect({ node, timeoutMs: 5000 });
  for (;;) {
    try {
      await client.put('probe', String(startMs));
      return performance.now() - startMs;
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const ports = await freePorts(9);
mkdirSync(join(ROOT, '.out'), { recursive: true });
const dataDir = mkdtempSync(join(ROOT, '.out/failover-'));
const replicas = [0, 1, 2].map((at) => ({
  id: `n${at + 1}`,
  peer: `127.0.0.1:${ports[at * 3]}`,
  http: `127.0.0.1:${ports[at * 3 + 1]}`,
  redis: `127.0.0.1:${ports[at * 3 + 2]}`,
}));
const text = JSON.stringify({
  cluster: 'failover',
  dataDir,
  replicas,
  keyspaces: { default: { engine: 'raft' } },
  supervisor: { crashLoopCount: 1000 },
});
const launcher = new Launcher({ topology: loadTopology({ text }).topology, logger: silentLogger });
const supervised = [...launcher.replicas.values()];
await launcher.start();
const gaps: number[] = [];
for (let kill = 0; kill < KILLS; kill++) {
  await launcher.until(() => supervised.every(({ state }) => state === 'ready') && leaderOf(supervised) !== undefined);
  const leader = leaderOf(supervised);
  const other = supervised.find((replica) => replica !== leader);
  await nextWriteMs(other?.endpoints?.http ?? '');
  await leader?.kill();
  gaps.push(Math.round(await nextWriteMs(other?.endpoints?.http ?? '')));
}
await launcher.stop();
rmSync(dataDir, { recursive: true, force: true });
gaps.sort((a, b) => a - b);
const at = (share: number): number => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))] ?? 0;
process.stdout.write(
  `kills ${gaps.length}, ms to the next acknowledged write: min ${at(0)}, p50 ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}\n`,
);
process.stdout.write(`${gaps.join(' ')}\n`);
process.exit(0);
