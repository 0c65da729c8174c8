import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { run } from './program.js';

const COMMANDS = [
  'start',
  'config',
  'wal',
  'check',
  'sim',
  'bench',
  'put',
  'get',
  'del',
  'cas',
  'scan',
  'member',
  'leader',
  'status',
];

t.test('help lists every command and the exit codes, on stdout', async (t) => {
  for (const args of [['help'], ['--help'], ['-h']]) {
    const { exit, stderr, stdout } = await run(args);
    t.equal(exit, 0, args.join(' '));
    t.equal(stderr, '');
    for (const command of COMMANDS) t.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
    t.match(stdout, /9 check failed/);
    t.match(stdout, /Examples:\n {2}\$ kvorum start configs\/local\.yaml/);
  }
});

t.test('every command has examples and names the global options', async (t) => {
  for (const command of [
    'start',
    'check',
    'sim',
    'bench',
    'put',
    'get',
    'del',
    'cas',
    'scan',
    'member',
    'leader',
    'status',
  ]) {
    const { exit, stdout } = await run([command, '--help']);
    t.equal(exit, 0);
    t.match(stdout, new RegExp(`^Usage: kvorum ${command} `));
    t.match(stdout, new RegExp(`Examples:\n {2}\\$ kvorum ${command}\\b`), command);
    t.match(stdout, /--node <url>/);
    t.match(stdout, /KVORUM_NODE/);
  }
  t.match((await run(['help', 'config'])).stdout, /^ {2}explain /m);
});

t.test('usage errors are exit code 2 and say what is meant', async (t) => {
  t.match(await run([]), { exit: 2, stdout: '', stderr: /^Usage: kvorum/ });
  t.match(await run(['config']), { exit: 2, stdout: '' });
  t.match(await run(['strat']), { exit: 2, stderr: /unknown command 'strat'\n\(Did you mean start\?\)/ });
  t.match(await run(['get']), { exit: 2, stderr: /missing required argument 'key'/ });
  t.match(await run(['get', 'x', '--consistancy', 'stale']), { exit: 2, stderr: /Did you mean --consistency\?/ });
  t.match(await run(['get', 'x', '-o', 'yaml']), { exit: 2, stderr: /Allowed choices are table, json/ });
  t.match(await run(['get', 'x', '--node', 'ftp://a']), { exit: 2, stderr: /write http:\/\/host:port/ });
  t.match(await run(['scan', '--limit', 'many']), { exit: 2, stderr: /whole number/ });
});

t.test('the version', async (t) => {
  t.match(await run(['--version']), { exit: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' });
});

t.test('a reader that goes away is not an error', async (t) => {
  const executable = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));
  const child = spawn(process.execPath, [executable, 'config', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.destroy();
  const [exit] = (await once(child, 'close')) as [number | null];
  t.equal(exit, 0);
  t.equal(stderr, '');
});
