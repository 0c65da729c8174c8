import { assert } from '../base/assert.js';
import { replicaId, type ReplicaId } from '../base/brand.js';
import { frameOf } from './encode.js';
import { kvorum } from './protobuf.js';
import { FOLDER_CHARS_MAX, FORMING_REPLICAS_MAX, PEER_ADDRESS_BYTES_MAX, VOUCHED_MEMBERS_MAX } from './protocol.js';
import { LENGTH_DELIMITED, VARINT, type FieldReader } from './varint.js';
import { WireError } from './wire-error.js';

const ID_BYTES_MAX = 64;

interface WireReplica {
  readonly id: ReplicaId;
  readonly folder: string | null;
}

interface WireMember extends WireReplica {
  readonly peer: string | null;
}

/** Formation of peer.proto; who sent it to whom is known from the connection. */
export interface WireFormation {
  readonly replicas: readonly WireReplica[];
  readonly prepared: boolean;
  readonly formed: boolean;
  readonly members: readonly WireMember[];
}

/** A whole frame. */
export function encodeFormation({ replicas, prepared, formed, members }: WireFormation): Buffer {
  assert(
    replicas.length <= FORMING_REPLICAS_MAX,
    'a cluster is formed of at most as many replicas as a topology lists',
  );
  assert(members.length <= VOUCHED_MEMBERS_MAX, 'a replica vouches for a bounded number of members');
  const formation = {
    replicas: replicas.map(({ id, folder }) => ({ id, folder: folder ?? '' })),
    prepared,
    formed,
    members: members.map(({ id, folder, peer }) => ({ id, folder: folder ?? '', peer: peer ?? '' })),
  };
  return frameOf(kvorum.peer.PeerFrame.encode({ formation }).finish());
}

/** Reads the message [reader.at, reader.end) of `body`. Throws WireError. */
export function readFormation(reader: FieldReader, body: Buffer): WireFormation {
  const { end } = reader;
  const replicas: WireReplica[] = [];
  const members: WireMember[] = [];
  let prepared = false;
  let formed = false;
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      if (replicas.length === FORMING_REPLICAS_MAX) {
        throw new WireError('too_many_elements', `more than ${FORMING_REPLICAS_MAX} replicas form a cluster`);
      }
      const { id, folder } = readMember(reader, body, false);
      replicas.push({ id, folder });
    } else if (tag === ((2 << 3) | VARINT)) prepared = reader.varint() !== 0;
    else if (tag === ((3 << 3) | VARINT)) formed = reader.varint() !== 0;
    else if (tag === ((4 << 3) | LENGTH_DELIMITED)) {
      if (members.length === VOUCHED_MEMBERS_MAX) {
        throw new WireError('too_many_elements', `more than ${VOUCHED_MEMBERS_MAX} members are vouched for`);
      }
      members.push(readMember(reader, body, true));
    } else reader.skip(tag & 7);
  }
  if (hasTwice(replicas)) throw new WireError('protocol_violation', 'a replica forms a cluster twice');
  if (hasTwice(members)) throw new WireError('protocol_violation', 'a member is vouched for twice');
  return { replicas, prepared, formed, members };
}

function hasTwice(list: readonly WireReplica[]): boolean {
  return new Set(list.map(({ id }) => id)).size !== list.length;
}

/** A VouchedMember, or a FormingReplica, which has no address. */
function readMember(reader: FieldReader, body: Buffer, hasPeer: boolean): WireMember {
  const { end } = reader;
  const length = reader.length();
  reader.end = reader.at + length;
  let id = '';
  let folder = '';
  let peer = '';
  while (reader.at < reader.end) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) id = readText(reader, body, ID_BYTES_MAX);
    else if (tag === ((2 << 3) | LENGTH_DELIMITED)) folder = readText(reader, body, FOLDER_CHARS_MAX);
    else if (hasPeer && tag === ((3 << 3) | LENGTH_DELIMITED)) peer = readText(reader, body, PEER_ADDRESS_BYTES_MAX);
    else reader.skip(tag & 7);
  }
  reader.end = end;
  if (id === '') throw new WireError('protocol_violation', 'a replica of a formation has no id');
  return { id: replicaId(id), folder: folder === '' ? null : folder, peer: peer === '' ? null : peer };
}

function readText(reader: FieldReader, body: Buffer, bytesMax: number): string {
  const length = reader.length();
  if (length > bytesMax) throw new WireError('out_of_range', `a name of ${length} bytes`);
  const text = body.toString('utf8', reader.at, reader.at + length);
  if (text.includes('\ufffd')) throw new WireError('malformed', 'a name that is not UTF-8');
  reader.at += length;
  return text;
}
