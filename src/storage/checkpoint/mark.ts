import { logIndex, term } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { PlacedQuorum } from '../../engines/semisync/messages.js';
import { placedFromWire, placedToWire } from '../../wire/membership-codec.js';
import { kvorum } from '../../wire/protobuf.js';
import type { CheckpointMark } from '../storage.js';

export function encodeMark(mark: CheckpointMark): Uint8Array {
  return kvorum.log.CheckpointMark.encode({
    index: mark.index,
    term: mark.term,
    membership: placedToWire(mark.membership),
    meta: mark.meta,
    ...(mark.quorum === undefined ? {} : { quorum: mark.quorum }),
  }).finish();
}

/** The result does not alias `bytes`. Throws checkpoint_corrupt. */
export function decodeMark(bytes: Uint8Array): CheckpointMark {
  try {
    const mark = kvorum.log.CheckpointMark.decode(bytes);
    return {
      index: logIndex(mark.index),
      term: term(mark.term),
      membership: placedFromWire(mark.membership),
      meta: Uint8Array.from(mark.meta),
      ...(mark.quorum ? { quorum: placedQuorum(mark.quorum) } : {}),
    };
  } catch (error) {
    throw new KvorumError('checkpoint_corrupt', 'The mark of a checkpoint cannot be decoded', { cause: error });
  }
}

function placedQuorum({ forcedTerm, index, writeQuorum }: kvorum.log.PlacedQuorum.$Properties): PlacedQuorum {
  return { index: logIndex(index ?? 0), writeQuorum: writeQuorum ?? 0, forcedTerm: term(forcedTerm ?? 0) };
}
