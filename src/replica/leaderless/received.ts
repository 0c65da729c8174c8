import { decodeBatch } from '../../engines/leaderless/batch-codec.js';
import type { GossipDelta } from '../../engines/leaderless/messages.js';
import type { Dot } from '../../engines/leaderless/types.js';
import { validateDottedBatch } from '../../kv/dotted/index.js';

/**
 * A delta without batches that would stop every member when they are applied: they never enter a log, and from there on
 * the engine sees a gap. Bytes that are no batch at all it refuses and counts itself.
 */
export function withoutHarmful(delta: GossipDelta, onRefused: (dot: Dot) => void): GossipDelta {
  const batches = delta.batches.filter(({ encoded, origin, seq }) => {
    const batch = decodeBatch(encoded);
    if (batch === null || validateDottedBatch(batch.payload, batch.commands)) return true;
    onRefused({ origin, seq });
    return false;
  });
  return batches.length === delta.batches.length ? delta : { ...delta, batches };
}
