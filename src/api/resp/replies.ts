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

/** A catalogue error as a Redis error: its prefix is what clients branch on. */
export function errorLine(error: KvorumError): string {
  return `${error.spec.resp} ${error.message}`;
}

export const SYNTAX_ERROR = new Refusal('ERR syntax error');
export const NOT_AN_INTEGER = new Refusal('ERR value is not an integer or out of range', 'not_an_integer');
export const INTEGER_OVERFLOW = new Refusal('ERR increment or decrement would overflow', 'integer_overflow');

export function wrongArity(name: string): Refusal {
  return new Refusal(`ERR wrong number of arguments for '${name}' command`);
}
