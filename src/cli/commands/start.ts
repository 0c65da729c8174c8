import { Command } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { loadTopology } from '../../config/load.js';
import type { Topology } from '../../config/topology.js';
import { Launcher } from '../../host/launcher.js';
import type { SupervisedReplica } from '../../host/supervisor.js';
import { createLogger } from '../../observe/logger.js';
import { VERSION } from '../../version.js';
import { printDiagnostics } from '../output/diagnostics.js';
import { formatTable } from '../output/table.js';

interface StartOptions {
  readonly replica?: readonly string[];
  readonly dataDir?: string;
  readonly memory?: boolean;
}

const EXAMPLES = `
Examples:
  $ kvorum start configs/local.yaml                          # every replica of the file, a thread each
  $ kvorum start configs/local.yaml --memory                 # keep nothing
  $ kvorum start configs/hosts/n1.yaml --replica n1          # one replica of a cluster of hosts
  $ KVORUM_TIMING_HEARTBEAT_MS=100 kvorum start my.yaml      # any option may come from the environment

Ctrl-C drains: leadership is handed over, requests are finished, the log is synced. A second Ctrl-C ends at once.`;

export function startCommand(): Command {
  return new Command('start')
    .description('Run the local replicas of a topology')
    .argument('<topology.yaml>', 'topology file')
    .option('--replica <id...>', 'run these replicas only')
    .option('--data-dir <dir>', 'folder for the data of all replicas')
    .option('--memory', 'keep nothing on disk')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(file: string, flags: StartOptions): Promise<void> {
  const startedMs = performance.now();
  const { topology, warnings } = loadTopology({ file, env: process.env, flags: { ...flags } });
  printDiagnostics(warnings);
  const logger = createLogger({ level: topology.log.level, replica: 'host' });
  const launcher = new Launcher({ topology, logger });
  const signalled = untilSignalled(launcher);
  await launcher.start();
  await launcher.waitForLeaders();
  process.stdout.write(describe(topology, launcher, performance.now() - startedMs));
  const failed = await Promise.race([signalled, untilAllFailed(launcher)]);
  if (failed !== null) throw failed;
}

/** Resolves to null once everything has drained after the first signal; a second one ends the process at once. */
function untilSignalled(launcher: Launcher): Promise<null> {
  return new Promise((resolve, reject) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals++;
      if (signals > 1) {
        process.stderr.write('stopped at once\n');
        process.exit(signal === 'SIGINT' ? 130 : 143);
      }
      process.stderr.write(`${signal}: draining; again to stop at once\n`);
      launcher.drain().then(() => resolve(null), reject);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** A replica that is down for good leaves the others running; when none is left the process ends. */
async function untilAllFailed(launcher: Launcher): Promise<KvorumError> {
  const replicas = [...launcher.replicas.values()];
  const failed = await launcher.untilFailed();
  process.stderr.write(`replica ${failed.id} stays down: ${failed.error?.message ?? 'unknown reason'}\n`);
  await launcher.until(() => replicas.every(({ state }) => state === 'failed' || state === 'stopped'));
  return failed.error ?? new KvorumError('internal', `Replica ${failed.id} failed`);
}

function describe(topology: Topology, launcher: Launcher, tookMs: number): string {
  const replicas = [...launcher.replicas.values()];
  const kept = topology.memory ? 'in memory: nothing is kept after exit' : `data in ${topology.dataDir}`;
  const engines = topology.keyspaces.map(({ name, engine }) => `${name}: ${engine}`).join(', ');
  const rows = replicas.map((replica) => [
    replica.id,
    roleOf(replica),
    replica.endpoints?.peer ?? '-',
    replica.endpoints?.http ?? '-',
    replica.endpoints?.redis ?? '-',
  ]);
  const count = `${replicas.length} replica${replicas.length === 1 ? '' : 's'}`;
  return [
    `kvorum ${VERSION} · cluster ${topology.cluster} · ${count} · ${engines} · ${kept}`,
    '',
    formatTable(['replica', 'role', 'peer', 'http', 'redis'], rows),
    '',
    `ready in ${(tookMs / 1000).toFixed(2)} s`,
    ...linesToTry(replicas),
    '',
  ].join('\n');
}

function roleOf(replica: SupervisedReplica): string {
  const roles = [...new Set([...replica.roles.values()].map(({ role }) => role))];
  return roles.length === 0 ? 'no leader yet' : roles.join(', ');
}

function linesToTry(replicas: readonly SupervisedReplica[]): string[] {
  const http = replicas.find(({ endpoints }) => endpoints?.http !== null)?.endpoints?.http;
  const redis = replicas.find(({ endpoints }) => endpoints?.redis !== null)?.endpoints?.redis;
  const [host, port] = redis?.split(/:(?=\d+$)/) ?? [];
  const at = host === '127.0.0.1' ? `-p ${port}` : `-h ${host} -p ${port}`;
  const lines: string[] = [];
  if (http !== undefined && http !== null) {
    lines.push(`curl -X PUT ${http}/kv/greeting -H 'Content-Type: application/json' -d '{"value":"hello"}'`);
    lines.push(`curl ${http}/kv/greeting`);
  }
  if (redis !== undefined && redis !== null) lines.push(`redis-cli ${at} GET greeting`);
  return lines.map((line, at) => `${at === 0 ? 'try   ' : '      '}${line}`).concat('stop  Ctrl-C');
}
