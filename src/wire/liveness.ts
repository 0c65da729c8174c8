import { frameOf } from './encode.js';
import { kvorum } from './protobuf.js';

/** A frame that only says "I am here". `sequence` counts up. */
export function encodePing(sequence: number): Buffer {
  return frameOf(kvorum.peer.PeerFrame.encode({ ping: { sequence } }).finish());
}

/** A frame that acknowledges everything received so far, in bytes. */
export function encodePong(receivedBytes: number): Buffer {
  return frameOf(kvorum.peer.PeerFrame.encode({ pong: { receivedBytes } }).finish());
}
