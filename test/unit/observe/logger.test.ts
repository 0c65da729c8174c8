import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { createLogger, type LoggerOptions } from '../../../src/observe/logger.js';

function capture(options: Partial<LoggerOptions> = {}): {
  logger: ReturnType<typeof createLogger>;
  lines: Record<string, unknown>[];
} {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { logger: createLogger({ level: 'info', replica: 'n1', write, ...options }), lines };
}

t.test('one JSON object per line', async (t) => {
  const { logger, lines } = capture();
  logger.info('became_leader', { term: 3 });
  logger.error('disk_failed');
  t.match(lines, [
    { level: 'info', replica: 'n1', event: 'became_leader', term: 3, time: /^\d{4}-\d\d-\d\dT.*Z$/ },
    { level: 'error', event: 'disk_failed' },
  ]);
});

t.test('levels', async (t) => {
  const { logger, lines } = capture({ level: 'warn' });
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  t.same(
    lines.map(({ event }) => event),
    ['c'],
  );
  const silent = capture({ level: 'silent' });
  silent.logger.error('a');
  t.same(silent.lines, []);
});

t.test('secrets and values are not written, and nothing breaks a line', async (t) => {
  const { logger, lines } = capture();
  logger.warn('odd', { password: 'canary', token: 'canary', value: 'canary', detail: 'a\n{"event":"forged"}' });
  t.equal(lines.length, 1);
  t.notMatch(JSON.stringify(lines), /canary/);
  t.equal(lines[0]?.['detail'], 'a\n{"event":"forged"}');
});

t.test('lines of a worker that crashes at once are on stderr', async (t) => {
  const module = new URL('../../../src/observe/logger.js', import.meta.url).href;
  const worker = `import(${JSON.stringify(module)}).then(({ createLogger }) => {
    const logger = createLogger({ level: 'info', replica: 'w' });
    for (let at = 0; at < 100; at++) logger.info('line', { at });
    process.exit(3);
  })`;
  const main = `new (require('node:worker_threads').Worker)(${JSON.stringify(worker)}, { eval: true })`;
  const child = spawn(process.execPath, ['-e', main], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  let stdout = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  await once(child, 'close');
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.equal(lines.length, 100);
  t.match(lines.at(-1), { event: 'line', at: 99, replica: 'w' });
  t.equal(stdout, '', 'stdout is for results');
});
