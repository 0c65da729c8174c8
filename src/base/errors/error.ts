import { ERRORS, type ErrorCode, type ErrorSpec } from './catalogue.js';

/** An error from the catalogue. Everything that reaches a user is one of these. */
export class KvorumError extends Error {
  override readonly name = 'KvorumError';
  readonly code: ErrorCode;
  /** Extra members of the problem document (api.md §3), for example `{ current: "…" }`. JSON-safe. */
  readonly extra: Readonly<Record<string, unknown>> | undefined;

  /** `detail` is one sentence about this occurrence; without one the title stands alone. */
  constructor(
    code: ErrorCode,
    detail?: string,
    options?: { cause?: unknown; extra?: Readonly<Record<string, unknown>> },
  ) {
    super(detail ?? ERRORS[code].title, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.extra = options?.extra;
  }

  get spec(): ErrorSpec {
    return ERRORS[this.code];
  }
}

export function isKvorumError(value: unknown): value is KvorumError {
  return value instanceof KvorumError;
}

/** Wraps anything thrown into the catalogue's `internal`, leaving catalogue errors as they are. */
export function toKvorumError(value: unknown): KvorumError {
  if (isKvorumError(value)) return value;
  const message = value instanceof Error ? value.message : String(value);
  return new KvorumError('internal', message, { cause: value });
}
