import { Command } from 'commander';
import { KvorumError } from '../../base/errors/error.js';
import { loadTopology } from '../../config/load.js';
import type { Topology } from '../../config/topology.js';
import { Launcher } from '../../host/launcher.js';
import { createLogger } from '../../observe/logger.js';
import { printDiagnostics } from '../output/diagnostics.js';
import { endpointsDocument, formatEndpoints } from '../output/endpoints.js';
import { printJson } from '../output/json.js';
import { addTopologyFlags, topologyFlags } from './config.js';

const EXAMPLES = `
Examples:
  $ kvorum start configs/local.yaml                          # every replica of the file, a thread each
  $ kvorum start configs/raft.yaml --memory                  # keep nothing
  $ kvorum start configs/local.yaml --log-level info         # say more on stderr
  $ kvorum start configs/raft.yaml --replica node1           # one replica here, the others in other processes
  $ kvorum start configs/hosts/n1.yaml                       # one replica of a cluster of hosts
  $ kvorum start my.yaml --replica n4 --join                 # a new replica of an existing cluster
  $ KVORUM_TIMING_HEARTBEAT_MS=100 kvorum start my.yaml      # any option may come from the environment

Ctrl-C drains: leadership is handed over, requests are finished, the log is synced. A second Ctrl-C ends at once.
Every option is described in docs/configuration.md.`;

/** `kvorum start`: prints the endpoints on stdout once the replicas listen, then runs until it is told to stop. */
export function startCommand(): Command {
  const command = new Command('start')
    .description('Run the local replicas of a topology')
    .argument('<topology.yaml>', 'topology file')
    .option('--join', 'the local replicas come to an existing cluster: they wait for `kvorum member add`')
    .addHelpText('after', EXAMPLES)
    .action((file: string, _flags: unknown, self: Command) => run(file, self));
  return addTopologyFlags(command);
}

async function run(file: string, command: Command): Promise<void> {
  const startedMs = performance.now();
  const { topology: asRead, warnings } = loadTopology({ file, env: process.env, flags: topologyFlags(command.opts()) });
  const topology = command.opts()['join'] === true ? joining(asRead) : asRead;
  printDiagnostics(warnings);
  const logger = createLogger({ level: topology.log.level, replica: 'host' });
  const launcher = new Launcher({ topology, logger });
  const drained = drainWhenSignalled(launcher);
  const started = await launcher.start();
  if (!started) return drained; // Told to stop before it was ready.
  await launcher.waitForLeaders();
  const replicas = [...launcher.replicas.values()];
  const tookMs = performance.now() - startedMs;
  if (command.optsWithGlobals()['output'] === 'json') printJson(endpointsDocument(topology, replicas, tookMs));
  else process.stdout.write(formatEndpoints(topology, replicas, tookMs));
  await Promise.race([drained, untilAllFailed(launcher)]);
}

function joining(topology: Topology): Topology {
  const { local, replicas } = topology;
  return {
    ...topology,
    replicas: replicas.map((replica) => (local.includes(replica.id) ? { ...replica, joining: true } : replica)),
  };
}

/** Resolves once everything has drained after the first signal; a second one ends the process at once. */
function drainWhenSignalled(launcher: Launcher): Promise<void> {
  return new Promise((resolve, reject) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals++;
      if (signals > 1) {
        process.stderr.write('stopped at once\n');
        process.exit(signal === 'SIGINT' ? 130 : 143);
      }
      process.stderr.write(`${signal}: draining; again to stop at once\n`);
      launcher.drain().then(resolve, reject);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** A replica that is down for good leaves the others running; when none is left the process ends. Always rejects. */
async function untilAllFailed(launcher: Launcher): Promise<never> {
  const failed = await launcher.untilFailed();
  process.stderr.write(`replica ${failed.id} stays down: ${failed.error?.message ?? 'unknown reason'}\n`);
  const replicas = [...launcher.replicas.values()];
  await launcher.until(() => replicas.every(({ state }) => state === 'failed'));
  throw failed.error ?? new KvorumError('internal', `Replica ${failed.id} failed`);
}
