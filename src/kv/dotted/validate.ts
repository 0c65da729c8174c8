import { BatchReader } from '../batch-reader.js';
import type { DecodedCommand } from '../command-decoder.js';
import { DecodeError } from '../decode-error.js';

/**
 * True when `payload`, for example of another member's batch, may be applied by a leaderless group: `commands` commands,
 * each a single unconditional put or delete. Never throws.
 */
export function validateDottedBatch(payload: Uint8Array, commands: number): boolean {
  let count = 0;
  try {
    const reader = new BatchReader(payload);
    for (let form = reader.next(); form !== 'end'; form = reader.next()) {
      if (form === 'command' && !isDotted(reader.decode())) return false;
      count++;
    }
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
  return count > 0 && count === commands;
}

function isDotted({ operations, session }: DecodedCommand): boolean {
  const [operation] = operations;
  if (operation === undefined || operations.length !== 1 || session !== null) return false;
  return (operation.op === 'put' || operation.op === 'delete') && operation.condition === undefined;
}
