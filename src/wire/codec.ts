/**
 * The codec of the peer protocol: what goes into a frame's body and comes out of it. Messages between members are framed
 * by hand, so that payloads are never copied on the way out, counts are capped before anything is allocated, and every
 * number is checked; a test holds them to the code that protobufjs generates from peer.proto.
 */
export { decodeFrame, type DecodedFrame, type Route } from './decode.js';
export { encodeFrames, envelopeBytes, frameOf, INLINE_PAYLOAD_BYTES, type EncodedFrames } from './encode.js';
export { isSpokenIn, type WireEnvelope } from './envelope.js';
export { encodeFormation, type WireFormation } from './formation.js';
export { encodePing, encodePong } from './liveness.js';
export { WireError, type WireErrorReason } from './wire-error.js';
