import { LIMITS } from '../base/limits.js';

/** Versions of the peer protocol that this code speaks, both ends included. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}
export const PROTOCOL_VERSIONS: VersionRange = { min: 1, max: 3 };
/** The first version with messages of leaderless groups: to a peer that speaks an older one none are sent. */
export const LEADERLESS_VERSION = 2;
/** The first version with messages of leader-follower groups. */
export const SEMISYNC_VERSION = 3;

/** The bytes "KVRM", read as a little-endian number. */
export const HELLO_MAGIC = 0x4d52564b;
export const NONCE_BYTES = 16;

/** u32le body length, u32le header CRC, u32le body CRC. */
export const FRAME_HEADER_BYTES = 12;
/** The limit counts the header. */
export const FRAME_BODY_BYTES_MAX = LIMITS.frameBytes - FRAME_HEADER_BYTES;
export const HANDSHAKE_BODY_BYTES_MAX = LIMITS.handshakeFrameBytes - FRAME_HEADER_BYTES;
/** `<keyspace>/<partition>` in UTF-8. */
export const GROUP_ID_BYTES_MAX = 512;
/** `<replica>~<incarnation>` in UTF-8; ours have at most 81. */
export const ORIGIN_BYTES_MAX = 128;
/** Followers that a write waits for: of 64 members, one leads. */
export const WRITE_QUORUM_MAX = 63;
/** In one Tail: their write quorums ascend (peer.proto). */
export const TAIL_QUORUMS_MAX = WRITE_QUORUM_MAX + 1;
/** A hash over all that a member holds, as text. */
export const HASH_BYTES_MAX = 128;
/** The name of a data folder in UTF-8; ours have 32. */
export const FOLDER_CHARS_MAX = 64;
/** In one Formation: as many as a topology may list. */
export const FORMING_REPLICAS_MAX = 64;
/** In one Formation: as many members as a topology may list. */
export const VOUCHED_MEMBERS_MAX = 64;
/** `host:port`: a host name has at most 253 characters. */
export const PEER_ADDRESS_BYTES_MAX = 259;
/**
 * Entries, batches, dots, keys in all messages of one frame: without it a 10 MB frame of empty ones would become 4 million
 * objects.
 */
export const FRAME_ENTRIES_MAX = 16 * LIMITS.appendEntries;
/** The sender begins another frame here, so that one frame is never long to check and decode. */
export const FRAME_BODY_BYTES_TARGET = 4 * 1024 * 1024;
