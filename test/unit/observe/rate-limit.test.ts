import t from 'tap';
import type { Logger } from '../../../src/base/logger.js';
import { limitRepeats } from '../../../src/observe/rate-limit.js';

function setUp(by?: readonly string[]): { logger: Logger; lines: unknown[]; time: { nowMs: number } } {
  const lines: unknown[] = [];
  const write =
    (level: string) =>
    (event: string, fields?: Readonly<Record<string, unknown>>): void =>
      void lines.push({ level, event, ...fields });
  const inner = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const time = { nowMs: 0 };
  const clock = { monotonicMs: () => time.nowMs, wallMs: () => 0 };
  const options = { intervalMs: 60_000, clock, ...(by === undefined ? {} : { by }) };
  return { logger: limitRepeats(inner, options), lines, time };
}

t.test('repeats are counted instead of written', async (t) => {
  const { logger, lines, time } = setUp();
  for (let at = 0; at < 215; at++) logger.warn('bad_frame', { at });
  t.same(lines, [{ level: 'warn', event: 'bad_frame', at: 0 }]);
  logger.warn('other');
  time.nowMs = 60_000;
  logger.warn('bad_frame', { at: 999 });
  t.same(lines.slice(1), [
    { level: 'warn', event: 'other' },
    { level: 'warn', event: 'bad_frame', at: 999, suppressed: 214 },
  ]);
  time.nowMs = 200_000;
  logger.warn('bad_frame');
  t.same(lines.at(-1), { level: 'warn', event: 'bad_frame' }, 'nothing was dropped since');
});

t.test('chosen fields tell events apart', async (t) => {
  const { logger, lines } = setUp(['peer']);
  for (const peer of ['n1', 'n2', 'n1']) logger.info('closed', { peer });
  t.equal(lines.length, 2);
  logger.debug('closed');
  logger.debug('closed');
  t.equal(lines.length, 4, 'debug lines pass');
});

t.test('many different events do not grow without bound', async (t) => {
  const { logger, lines } = setUp(['id']);
  for (let id = 0; id < 5000; id++) logger.info('x', { id });
  logger.info('x', { id: 4999 });
  t.equal(lines.length, 5000, 'a recent one is still remembered');
  logger.info('x', { id: 0 });
  t.equal(lines.length, 5001, 'the oldest are forgotten');
});
