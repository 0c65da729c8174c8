import { pino, type Level } from 'pino';
import type { Logger } from '../base/logger.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Becomes the member `replica` of every line; left out by the launcher. */
  readonly replica?: string;
  /** Where lines go instead of stderr. */
  readonly write?: (line: string) => void;
}

/** Never written, whatever a caller passes (reliability.md §6.6). */
const REDACTED = ['value', 'password', 'token', 'authorization', 'secret'];

/**
 * One JSON object per line on stderr: `{"level":"info","time":"…","replica":"n1","event":"became_leader",…}`.
 *
 * Lines are written synchronously to file descriptor 2, in workers too: a line written by a thread that is about to
 * crash is not lost, and lines of several threads never mix. stdout is for results only.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.write === undefined ? stderr() : { write: options.write };
  const log = pino(
    {
      level: options.level,
      base: options.replica === undefined ? {} : { replica: options.replica },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: [...REDACTED], censor: '[redacted]' },
    },
    destination,
  );
  const at =
    (level: Level) =>
    (event: string, fields?: Readonly<Record<string, unknown>>): void => {
      log[level]({ event, ...fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function stderr(): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ dest: 2, sync: true });
  destination.on('error', () => undefined); // Nobody reads stderr any more: not a reason to stop serving.
  return destination;
}
