/** Structured logging as the lower layers see it; src/observe/logger.ts is the implementation (pino). */
export interface Logger {
  /** `event` is a stable snake_case name; `fields` never hold keys' values or secrets (reliability.md §6.6). */
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
