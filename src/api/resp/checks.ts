import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { WriteLimits } from './commands/command.js';
import { Refusal } from './replies.js';
import type { Request } from './request.js';

/** Why argument `at` cannot be the key of a write; null when it can. */
export function checkKey(request: Request, at: number, limits: WriteLimits): Refusal | null {
  const bytes = request.byteLength(at);
  if (bytes > 0 && bytes <= limits.keyBytes) return null;
  if (bytes === 0) return Refusal.of(new KvorumError('empty_key'));
  return Refusal.of(
    new KvorumError('key_too_large', `The key has ${bytes} bytes, the limit is ${limits.keyBytes} (limits.keyBytes)`),
  );
}

export function checkValue(request: Request, at: number, limits: WriteLimits): Refusal | null {
  const bytes = request.byteLength(at);
  if (bytes <= limits.valueBytes) return null;
  return Refusal.of(
    new KvorumError(
      'value_too_large',
      `The value has ${bytes} bytes, the limit is ${limits.valueBytes} (limits.valueBytes)`,
    ),
  );
}

export function checkBatch(operations: number): Refusal | null {
  if (operations <= LIMITS.batchOperations) return null;
  return Refusal.of(
    new KvorumError(
      'too_many_operations',
      `The command changes ${operations} keys, the limit is ${LIMITS.batchOperations}`,
    ),
  );
}
