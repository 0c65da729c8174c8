/** Thrown when an invariant that the program relies on does not hold: a bug in Kvorum, never bad input. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** States an invariant. Stays on in production (TigerBeetle's practice): a wrong answer costs more than a crash. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** Narrows away `undefined` and `null` where an invariant says that the value is there. */
export function assertDefined<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new InvariantViolation(message);
  return value;
}

/** The default branch of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${JSON.stringify(value)}`);
}
