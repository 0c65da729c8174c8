// The order matters: see there.
import './protobuf-numbers.js';

/**
 * The only door to the generated code: through it, a uint64 is a number. One above 2^53 - 1 comes out rounded, to at
 * least 2^53: check `Number.isSafeInteger` after decoding.
 */
export { kvorum } from './generated/messages.js';
