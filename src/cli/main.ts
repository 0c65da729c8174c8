import { Command, CommanderError, Option } from 'commander';
import { isKvorumError, toKvorumError } from '../base/errors/error.js';
import { VERSION } from '../version.js';

const EXIT_CODES = `
Results go to stdout, everything else to stderr.

Exit codes:
  0 ok · 1 unexpected · 2 usage · 3 configuration · 4 cannot connect · 5 no leader or unhealthy
  6 condition failed · 7 not found · 8 outcome unknown · 9 check failed

Examples:
  $ kvorum start configs/local.yaml            # three replicas in this process
  $ kvorum put greeting hello                  # to http://127.0.0.1:8101
  $ kvorum get greeting --node http://127.0.0.1:8102
  $ kvorum status -o json
  $ kvorum member list
  $ kvorum config check configs/local.yaml
  $ kvorum wal verify data/n1                  # of a replica that is stopped

Run kvorum <command> --help for its options and examples.`;

interface CommandEntry {
  readonly group: string;
  readonly load: () => Promise<Command>;
}

/** Loaded one by one: `kvorum get` needs neither the reader of topologies nor LMDB, and starts in half the time. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  start: { group: 'Running:', load: async () => (await import('./commands/start.js')).startCommand() },
  config: { group: 'Running:', load: async () => (await import('./commands/config.js')).configCommand() },
  wal: { group: 'Running:', load: async () => (await import('./commands/wal.js')).walCommand() },
  check: { group: 'Running:', load: async () => (await import('./commands/check.js')).checkCommand() },
  sim: { group: 'Running:', load: async () => (await import('./commands/sim.js')).simCommand() },
  bench: { group: 'Running:', load: async () => (await import('./commands/bench.js')).benchCommand() },
  report: { group: 'Running:', load: async () => (await import('./commands/report.js')).reportCommand() },
  put: { group: 'Data:', load: async () => (await import('./commands/write.js')).putCommand() },
  get: { group: 'Data:', load: async () => (await import('./commands/read.js')).getCommand() },
  del: { group: 'Data:', load: async () => (await import('./commands/write.js')).deleteCommand() },
  cas: { group: 'Data:', load: async () => (await import('./commands/write.js')).casCommand() },
  scan: { group: 'Data:', load: async () => (await import('./commands/read.js')).scanCommand() },
  member: { group: 'Cluster:', load: async () => (await import('./commands/member.js')).memberCommand() },
  leader: { group: 'Cluster:', load: async () => (await import('./commands/leader.js')).leaderCommand() },
  quorum: { group: 'Cluster:', load: async () => (await import('./commands/quorum.js')).quorumCommand() },
  failovers: { group: 'Cluster:', load: async () => (await import('./commands/failovers.js')).failoversCommand() },
  status: { group: 'Cluster:', load: async () => (await import('./commands/status.js')).statusCommand() },
};

/** The entries that the command line may need: those it names, or all when it asks for help or names none. */
function neededFor(args: readonly string[]): [string, CommandEntry][] {
  const all = Object.entries(COMMANDS);
  const named = all.filter(([name]) => args.includes(name));
  const first = args.findIndex((arg) => Object.hasOwn(COMMANDS, arg));
  const asksForHelp = args.some((arg, at) => arg === 'help' || ((arg === '-h' || arg === '--help') && at < first));
  return asksForHelp || named.length === 0 ? all : named;
}

async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('kvorum')
    .description('A replicated key-value store: each keyspace chooses its replication protocol.')
    .version(VERSION, '-V, --version')
    .addOption(
      new Option('--node <url>', 'HTTP address of the replica to talk to')
        .default('http://127.0.0.1:8101')
        .env('KVORUM_NODE'),
    )
    .addOption(new Option('-o, --output <format>', 'form of the result').choices(['table', 'json']).default('table'))
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for more)')
    .addHelpText('after', EXIT_CODES);
  for (const [, { group, load }] of neededFor(args)) program.addCommand((await load()).helpGroup(group));
  exitWithErrors(program);
  return program;
}

/** Usage errors are thrown, so that they end with the exit code of the catalogue instead of commander's. */
function exitWithErrors(command: Command): void {
  command.exitOverride();
  command.configureHelp({ showGlobalOptions: command.parent !== null });
  for (const child of command.commands) exitWithErrors(child);
}

function onStreamErrors(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `kvorum scan | head` is not an error.
    throw error;
  });
  process.stderr.on('error', () => undefined); // Nobody reads it: not a reason to end.
}

async function fail(error: unknown): Promise<void> {
  const failure = toKvorumError(error);
  const { printError } = await import('./output/error.js');
  printError(failure);
  if (!isKvorumError(error) && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = failure.spec.exit;
}

/** Runs the command line and sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  onStreamErrors();
  try {
    const program = await createProgram(argv.slice(2));
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(error);
    // `kvorum` and `kvorum config` without anything show help, which is not what was asked for.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}
