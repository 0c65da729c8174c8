import { assert } from '../base/assert.js';
import type { ReplicaId } from '../base/brand.js';
import { frameOf } from './encode.js';
import { kvorum } from './protobuf.js';
import { FOLDER_CHARS_MAX, HELLO_MAGIC, NONCE_BYTES, type VersionRange } from './protocol.js';
import { WireError } from './wire-error.js';

/** What the dialling replica says first. Field by field as in peer.proto. */
export interface Hello {
  readonly versions: VersionRange;
  readonly cluster: string;
  readonly from: string;
  readonly to: string;
  readonly incarnation: number;
  readonly nonce: Uint8Array;
  /** Null: the sender keeps nothing. */
  readonly folder: string | null;
}

/** Why a replica that says who it is must not take part (raft.md M4, M5); null: it may. */
export type Admission = 'unknown_replica' | 'removed_replica' | 'foreign_folder' | null;
export type RefusalCode =
  'wrong_cluster' | 'wrong_version' | 'wrong_recipient' | 'duplicate_replica' | Exclude<Admission, null>;

export interface HelloAccepted {
  readonly outcome: 'accepted';
  readonly version: number;
  readonly cluster: string;
  readonly from: string;
  readonly incarnation: number;
  readonly folder: string | null;
}

export interface HelloRefused {
  readonly outcome: 'refused';
  readonly code: RefusalCode;
  /** For the sender's log: names both sides. */
  readonly text: string;
  readonly from: string;
  readonly cluster: string;
  readonly versions: VersionRange;
}

export type HelloAnswer = HelloAccepted | HelloRefused;

/** Who we are, for checking a Hello. */
export interface Identity {
  readonly cluster: string;
  readonly self: ReplicaId;
  readonly versions: VersionRange;
  readonly incarnation: number;
  readonly folder: string | null;
}

const CODES = kvorum.peer.HelloRefused.Code;
const CODE_VALUES: Readonly<Record<RefusalCode, number>> = {
  wrong_cluster: CODES.WRONG_CLUSTER,
  wrong_version: CODES.WRONG_VERSION,
  wrong_recipient: CODES.WRONG_RECIPIENT,
  unknown_replica: CODES.UNKNOWN_REPLICA,
  duplicate_replica: CODES.DUPLICATE_REPLICA,
  removed_replica: CODES.REMOVED_REPLICA,
  foreign_folder: CODES.FOREIGN_FOLDER,
};
const CODE_NAMES = new Map(Object.entries(CODE_VALUES).map(([name, value]) => [value, name as RefusalCode]));

/** Room for what both sides put into an answer; the ids and the cluster's name come from topologies. */
const TEXT_CHARS_MAX = 512;

/** A whole frame. */
export function encodeHello(hello: Hello): Buffer {
  assert(hello.nonce.length === NONCE_BYTES, 'a nonce has 16 bytes');
  assert(Number.isSafeInteger(hello.incarnation) && hello.incarnation >= 0, 'an incarnation is a safe integer');
  const { versions, cluster, from, to, incarnation, nonce } = hello;
  const folder = hello.folder ?? '';
  const fields = { versionMin: versions.min, versionMax: versions.max, cluster, from, to, incarnation, nonce, folder };
  return frameOf(kvorum.peer.Hello.encode({ magic: HELLO_MAGIC, ...fields }).finish());
}

/** Throws WireError. */
export function decodeHello(body: Buffer): Hello {
  const hello = parsed(() => kvorum.peer.Hello.decode(body));
  if (hello.magic !== HELLO_MAGIC) throw new WireError('bad_magic', 'the first frame is not a Hello');
  const { versionMin: min, versionMax: max, cluster, from, to, incarnation } = hello;
  if (!Number.isSafeInteger(incarnation)) throw new WireError('out_of_range', 'an incarnation above 2^53 - 1');
  if (min === 0 || min > max) throw new WireError('protocol_violation', `versions ${min} to ${max}`);
  if (cluster === '' || from === '' || to === '') throw new WireError('protocol_violation', 'a Hello without names');
  const nonce = checkedNonce(hello.nonce);
  return { versions: { min, max }, cluster, from, to, incarnation, nonce, folder: folderFrom(hello.folder) };
}

/** A whole frame. `nonce` is the one of the Hello that is answered. */
export function encodeAnswer(answer: HelloAnswer, nonce: Uint8Array): Buffer {
  const head = { magic: HELLO_MAGIC, nonce };
  if (answer.outcome === 'accepted') {
    const { version, cluster, from, incarnation } = answer;
    const accepted = { version, cluster, from, incarnation, folder: answer.folder ?? '' };
    return frameOf(kvorum.peer.HelloAnswer.encode({ ...head, accepted }).finish());
  }
  const { code, from, cluster, versions } = answer;
  const text = answer.text.slice(0, TEXT_CHARS_MAX);
  const refused = { code: CODE_VALUES[code], text, from, cluster, versionMin: versions.min, versionMax: versions.max };
  return frameOf(kvorum.peer.HelloAnswer.encode({ ...head, refused }).finish());
}

/** Throws WireError; also when the answer is not to the Hello with this nonce. */
export function decodeAnswer(body: Buffer, nonce: Uint8Array): HelloAnswer {
  const answer = parsed(() => kvorum.peer.HelloAnswer.decode(body));
  if (answer.magic !== HELLO_MAGIC) throw new WireError('bad_magic', 'the first frame is not an answer to a Hello');
  if (Buffer.compare(checkedNonce(answer.nonce), nonce) !== 0) {
    throw new WireError('protocol_violation', 'the answer to another Hello');
  }
  if (answer.accepted) return readAccepted(answer.accepted);
  if (answer.refused) return readRefused(answer.refused);
  throw new WireError('unknown_message', 'an answer without an outcome that is known here');
}

// protobufjs declares every field of a nested message as optional, although decoding sets defaults.

function readAccepted(accepted: kvorum.peer.HelloAccepted.$Properties): HelloAccepted {
  const incarnation = accepted.incarnation ?? 0;
  if (!Number.isSafeInteger(incarnation)) throw new WireError('out_of_range', 'an incarnation above 2^53 - 1');
  const { version, cluster, from } = accepted;
  const folder = folderFrom(accepted.folder);
  return { outcome: 'accepted', version: version ?? 0, cluster: cluster ?? '', from: from ?? '', incarnation, folder };
}

function folderFrom(text: string | undefined | null): string | null {
  if (!text) return null;
  if (text.length > FOLDER_CHARS_MAX) throw new WireError('out_of_range', 'the name of a folder is too long');
  return text;
}

function readRefused(refused: kvorum.peer.HelloRefused.$Properties): HelloRefused {
  const code = CODE_NAMES.get(refused.code ?? 0);
  if (code === undefined) throw new WireError('unknown_message', `refusal ${refused.code}`);
  const text = (refused.text ?? '').slice(0, TEXT_CHARS_MAX);
  const versions = { min: refused.versionMin ?? 0, max: refused.versionMax ?? 0 };
  return { outcome: 'refused', code, text, from: refused.from ?? '', cluster: refused.cluster ?? '', versions };
}

/**
 * Answers a Hello, but for duplicates. `admits` decides about the sender's id and folder. The order of the checks is the
 * order of how much each explains: nothing else means anything across clusters or versions.
 */
export function judgeHello(hello: Hello, own: Identity, admits: AdmissionCheck): HelloAnswer {
  const { cluster, self: from, versions, incarnation, folder } = own;
  const refuse = (code: RefusalCode, text: string): HelloRefused => {
    return { outcome: 'refused', code, text, from, cluster, versions };
  };
  if (hello.cluster !== cluster) {
    return refuse('wrong_cluster', `replica ${from} belongs to cluster ${cluster}, not to ${hello.cluster}`);
  }
  const version = Math.min(hello.versions.max, versions.max);
  if (version < Math.max(hello.versions.min, versions.min)) {
    const theirs = `${hello.versions.min} to ${hello.versions.max}`;
    return refuse('wrong_version', `replica ${from} speaks versions ${versions.min} to ${versions.max}, not ${theirs}`);
  }
  if (hello.to !== from) return refuse('wrong_recipient', `this is replica ${from}, not ${hello.to}`);
  const refusal = hello.from === from ? 'unknown_replica' : admits(hello.from, hello.folder);
  if (refusal !== null) return refuse(refusal, admissionText(refusal, from, hello.from));
  return { outcome: 'accepted', version, cluster, from, incarnation, folder };
}

export type AdmissionCheck = (peer: string, folder: string | null) => Admission;

/** For both logs: what `self` holds against `peer`. */
export function admissionText(refusal: Exclude<Admission, null>, self: string, peer: string): string {
  if (refusal === 'unknown_replica') return `replica ${self} knows no replica ${peer}`;
  if (refusal === 'removed_replica') {
    return `replica ${self} knows that replica ${peer} was removed from the cluster: its id is never used again`;
  }
  return (
    `replica ${self} knows replica ${peer} with another data folder: its disk was wiped or replaced, so it has no vote ` +
    `any more. Remove ${peer} from the cluster and add a new replica under a new id`
  );
}

/** Checks an acceptance against what was dialled; null when it is as it should be. */
export function judgeAcceptance(
  accepted: HelloAccepted,
  own: Identity,
  dialled: ReplicaId,
  admits: AdmissionCheck,
): { readonly code: RefusalCode; readonly text: string } | null {
  const text = `replica ${accepted.from} of cluster ${accepted.cluster} answered`;
  if (accepted.cluster !== own.cluster) return { code: 'wrong_cluster', text };
  const { min, max } = own.versions;
  if (accepted.version < min || accepted.version > max) return { code: 'wrong_version', text };
  if (accepted.from !== dialled) return { code: 'wrong_recipient', text };
  const refusal = admits(dialled, accepted.folder);
  return refusal === null ? null : { code: refusal, text: admissionText(refusal, own.self, dialled) };
}

function checkedNonce(nonce: Uint8Array): Uint8Array {
  if (nonce.length !== NONCE_BYTES) throw new WireError('protocol_violation', `a nonce of ${nonce.length} bytes`);
  return Uint8Array.from(nonce);
}

/** The generated code throws several kinds of errors for bytes that are not protobuf. */
function parsed<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new WireError('malformed', error instanceof Error ? error.message : 'not protobuf');
  }
}
