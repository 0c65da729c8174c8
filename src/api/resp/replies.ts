import type { KvorumError } from '../../base/errors/error.js';

/** The request is answered with an error at once; `message` starts with the prefix (`ERR …`). */
export class Refusal {
  readonly message: string;
  /** The catalogue code when it has one, for the metrics. */
  readonly code: string;

  constructor(message: string, code = 'bad_request') {
    this.message = message;
    this.code = code;
  }

  static of(error: KvorumError): Refusal {
    return new Refusal(errorLine(error), error.code);
  }
}

/**
 * A catalogue error as a Redis error: its prefix is what clients branch on. That an engine cannot do something is told by
 * its code as well: it is no mistake of the client's.
 */
export function errorLine(error: KvorumError): string {
  const code = error.code === 'unsupported_by_engine' ? ` ${error.code}` : '';
  return `${error.spec.resp}${code} ${error.message}`;
}

export const SYNTAX_ERROR = new Refusal('ERR syntax error');
export const NOT_AN_INTEGER = new Refusal('ERR value is not an integer or out of range', 'not_an_integer');
export const INTEGER_OVERFLOW = new Refusal('ERR increment or decrement would overflow', 'integer_overflow');

export function wrongArity(name: string): Refusal {
  return new Refusal(`ERR wrong number of arguments for '${name}' command`);
}
