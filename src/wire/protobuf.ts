import protobuf from 'protobufjs/minimal.js';

/**
 * The only door to the generated code. A decoded uint64 is a `Long` object whenever protobufjs finds the package "long",
 * whatever --force-number says about the types; without it, it is a number. Numbers above 2^53 - 1 come out rounded, to
 * at least 2^53: check `Number.isSafeInteger` after decoding.
 */
(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();

export { kvorum } from './generated/messages.js';
