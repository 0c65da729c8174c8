import { assertDefined } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { Envelope, FormationMessage } from '../../../transport/transport.js';
import { decodeFrame, encodeFormation, encodeFrames } from '../../../wire/codec.js';
import { FrameDecoder } from '../../../wire/frame-decoder.js';
import { FRAME_BODY_BYTES_MAX } from '../../../wire/protocol.js';
import { Violation } from '../types.js';

/** What a message weighs on a link beside its payloads, about. */
const MESSAGE_BYTES = 48;
const ENTRY_BYTES = 16;

/** What is on its way in one piece: messages themselves, or the bytes that the production codec made of them. */
export interface Freight {
  readonly envelopes: readonly Envelope[];
  readonly formation: FormationMessage | null;
  /** As it travels; null: by reference. */
  readonly bytes: Buffer | null;
  /** What it was before a byte was flipped; null: nothing was. */
  readonly intact: Buffer | null;
  readonly size: number;
}

export function byReference(envelopes: readonly Envelope[], formation: FormationMessage | null): Freight {
  let size = formation === null ? 0 : MESSAGE_BYTES;
  for (const { message } of envelopes) {
    size += MESSAGE_BYTES;
    if (message.type === 'appendRequest') {
      for (const { payload } of message.entries) size += ENTRY_BYTES + payload.length;
    } else if (message.type === 'forwardProposal') size += message.payload.length;
    else if (message.type === 'snapshotChunk') size += message.data.length;
  }
  return { envelopes, formation, bytes: null, intact: null, size };
}

export function encoded(envelopes: readonly Envelope[], formation: FormationMessage | null): Freight {
  const bytes = formation === null ? Buffer.concat(encodeFrames(envelopes).buffers) : encodeFormation(formation);
  return { envelopes: [], formation: null, bytes, intact: null, size: bytes.length };
}

/** One byte is another one on arrival, as a checksum of 16 bits may not notice. */
export function corrupted(freight: Freight, prng: Prng): Freight {
  const { bytes: intact } = freight;
  if (intact === null) return freight;
  return { ...freight, bytes: withFlippedByte(intact, prng), intact };
}

export function withFlippedByte(intact: Buffer, prng: Prng): Buffer {
  const bytes = Buffer.from(intact);
  const at = prng.between(0, bytes.length - 1);
  bytes[at] = (bytes[at] ?? 0) ^ prng.between(1, 255);
  return bytes;
}

export interface Unpacked {
  readonly envelopes: readonly Envelope[];
  readonly formation: FormationMessage | null;
}

/** A receiver's end of a connection: the production decoders, for what comes as bytes. */
export class Unpacker {
  readonly #from: ReplicaId;
  readonly #to: ReplicaId;
  readonly #decoder = new FrameDecoder();

  constructor(from: ReplicaId, to: ReplicaId) {
    this.#from = from;
    this.#to = to;
    this.#decoder.bodyBytesMax = FRAME_BODY_BYTES_MAX;
  }

  /** Throws WireError, and Violation when a flipped byte was taken for something else. */
  unpack(freight: Freight): Unpacked {
    const { bytes, intact } = freight;
    if (bytes === null) return freight;
    const unpacked = this.#decode(bytes);
    if (intact !== null && !sameAs(unpacked, intact)) {
      throw new Violation('corruption-unnoticed', `a frame of ${bytes.length} bytes from ${this.#from} was changed`);
    }
    return unpacked;
  }

  #decode(bytes: Buffer): Unpacked {
    const envelopes: Envelope[] = [];
    let formation: FormationMessage | null = null;
    this.#decoder.feed(bytes);
    for (let body = this.#decoder.next(); body !== null; body = this.#decoder.next()) {
      const frame = decodeFrame(body, { from: this.#from, to: this.#to }, this.#decoder.ownsBody);
      for (const envelope of frame.envelopes) envelopes.push(envelope);
      if (frame.formation !== null) formation = { from: this.#from, to: this.#to, ...frame.formation };
    }
    return { envelopes, formation };
  }
}

function sameAs({ envelopes, formation }: Unpacked, intact: Buffer): boolean {
  if (envelopes.length === 0 && formation === null) return false;
  const again = assertDefined(encoded(envelopes, formation).bytes, 'encoded freight has bytes');
  return again.equals(intact);
}

/** The body of the one frame in `bytes`. Throws WireError. */
export function onlyBody(bytes: Buffer): Buffer | null {
  const decoder = new FrameDecoder();
  decoder.feed(bytes);
  return decoder.next();
}

/** Nobody may change what others hold as well: a message that is passed by reference, and what it refers to. */
export function freeze(envelopes: readonly Envelope[]): void {
  for (const { message } of envelopes) {
    if (message.type === 'appendRequest') {
      for (const entry of message.entries) Object.freeze(entry);
      Object.freeze(message.entries);
    }
    Object.freeze(message);
  }
}
