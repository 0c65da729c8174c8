/** Why bytes from a peer were refused. The names are what `closedBy` counts and what the log says. */
export type WireErrorReason =
  /** The first bytes are not a Kvorum handshake: another protocol, or another program. */
  | 'bad_magic'
  /** The checksum of a frame's header does not hold: a damaged stream. */
  | 'bad_header'
  /** The checksum of a frame's body does not hold. */
  | 'bad_crc'
  /** The header announces more than this connection may send now. */
  | 'frame_too_large'
  /** The body is not protobuf, or ends early. */
  | 'malformed'
  /** More envelopes or entries than the limits allow. */
  | 'too_many_elements'
  /** A number above 2^53 - 1, or a string or payload of a forbidden length. */
  | 'out_of_range'
  /** A message type or enum value that this version does not know. */
  | 'unknown_message'
  /** Well-formed, but against the rules of the protocol. */
  | 'protocol_violation';

/** Bad bytes from a peer: the only error that decoding throws. Closes the connection, never the replica. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly reason: WireErrorReason;

  constructor(reason: WireErrorReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}
