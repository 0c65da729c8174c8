import { assert } from '../base/assert.js';
import { replicaId, type ReplicaId } from '../base/brand.js';
import { frameOf } from './encode.js';
import { kvorum } from './protobuf.js';
import { FOLDER_CHARS_MAX, FORMING_REPLICAS_MAX } from './protocol.js';
import { LENGTH_DELIMITED, VARINT, type FieldReader } from './varint.js';
import { WireError } from './wire-error.js';

const ID_BYTES_MAX = 64;

/** Formation of peer.proto; who sent it to whom is known from the connection. */
export interface WireFormation {
  readonly replicas: readonly { readonly id: ReplicaId; readonly folder: string | null }[];
  readonly prepared: boolean;
  readonly formed: boolean;
}

/** A whole frame. */
export function encodeFormation({ replicas, prepared, formed }: WireFormation): Buffer {
  assert(
    replicas.length <= FORMING_REPLICAS_MAX,
    'a cluster is formed of at most as many replicas as a topology lists',
  );
  const wire = replicas.map(({ id, folder }) => ({ id, folder: folder ?? '' }));
  return frameOf(kvorum.peer.PeerFrame.encode({ formation: { replicas: wire, prepared, formed } }).finish());
}

/** Reads the message [reader.at, reader.end) of `body`. Throws WireError. */
export function readFormation(reader: FieldReader, body: Buffer): WireFormation {
  const { end } = reader;
  const replicas: { id: ReplicaId; folder: string | null }[] = [];
  let prepared = false;
  let formed = false;
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      if (replicas.length === FORMING_REPLICAS_MAX) {
        throw new WireError('too_many_elements', `more than ${FORMING_REPLICAS_MAX} replicas form a cluster`);
      }
      const length = reader.length();
      reader.end = reader.at + length;
      replicas.push(readReplica(reader, body));
      reader.end = end;
    } else if (tag === ((2 << 3) | VARINT)) prepared = reader.varint() !== 0;
    else if (tag === ((3 << 3) | VARINT)) formed = reader.varint() !== 0;
    else reader.skip(tag & 7);
  }
  if (new Set(replicas.map(({ id }) => id)).size !== replicas.length) {
    throw new WireError('protocol_violation', 'a replica forms a cluster twice');
  }
  return { replicas, prepared, formed };
}

function readReplica(reader: FieldReader, body: Buffer): { id: ReplicaId; folder: string | null } {
  let id = '';
  let folder = '';
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) id = readText(reader, body, ID_BYTES_MAX);
    else if (tag === ((2 << 3) | LENGTH_DELIMITED)) folder = readText(reader, body, FOLDER_CHARS_MAX);
    else reader.skip(tag & 7);
  }
  if (id === '') throw new WireError('protocol_violation', 'a replica without an id forms a cluster');
  return { id: replicaId(id), folder: folder === '' ? null : folder };
}

function readText(reader: FieldReader, body: Buffer, bytesMax: number): string {
  const length = reader.length();
  if (length > bytesMax) throw new WireError('out_of_range', `a name of ${length} bytes`);
  const text = body.toString('utf8', reader.at, reader.at + length);
  if (text.includes('\ufffd')) throw new WireError('malformed', 'a name that is not UTF-8');
  reader.at += length;
  return text;
}
