import { Command, CommanderError } from 'commander';
import { isKvorumError, toKvorumError, type KvorumError } from '../base/errors/error.js';
import { ConfigError } from '../config/errors.js';
import { configCommand } from './commands/config.js';
import { startCommand } from './commands/start.js';
import { walCommand } from './commands/wal.js';
import { dataCommands } from './commands/data.js';
import { paletteFor } from './output/colour.js';
import { VERSION } from '../version.js';

const EXIT_CODES = `
Exit codes:
  0 ok · 1 unexpected · 2 usage · 3 configuration · 4 cannot connect · 5 no leader or unhealthy
  6 condition failed · 7 not found · 8 outcome unknown · 9 check failed

Examples:
  $ kvorum start configs/local.yaml            # three replicas in this process
  $ kvorum put greeting hello                  # to http://127.0.0.1:8101
  $ kvorum --node http://127.0.0.1:8102 get greeting
  $ kvorum status
  $ kvorum config check configs/local.yaml
  $ kvorum wal verify data/local/n1
`;

function createProgram(): Command {
  const program = new Command('kvorum')
    .description('A replicated key-value store: each keyspace chooses its replication protocol.')
    .version(VERSION, '-V, --version')
    .option('--node <url>', 'HTTP address of the replica that client commands talk to', 'http://127.0.0.1:8101')
    .option('-o, --output <format>', 'table or json', 'table')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for more)')
    .addHelpText('after', EXIT_CODES);
  program.addCommand(startCommand());
  for (const command of dataCommands()) program.addCommand(command);
  program.addCommand(configCommand());
  program.addCommand(walCommand());
  exitWithErrors(program);
  return program;
}

/** Usage errors are thrown, so that they end with the exit code of api.md §5 instead of commander's. */
function exitWithErrors(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitWithErrors(child);
}

function report(error: KvorumError): void {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.format(paletteFor(process.stderr))}\n`);
    return;
  }
  const lines = [`error: ${error.message}`];
  if (error.message !== error.spec.title) lines.push(`  ${error.spec.title} (${error.code})`);
  lines.push(`  try  ${error.spec.help}`);
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Runs the command line and sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `kvorum scan | head` is not an error.
    throw error;
  });
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const failure = isKvorumError(error) ? error : toKvorumError(error);
    report(failure);
    if (failure.code === 'internal' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    process.exitCode = failure.spec.exit;
  }
}
