/**
 * Every bound of the system, with its unit in the name and its reason beside it. Bounds that an operator may want to
 * change are options instead (src/config/options.ts) and take their default from here.
 */
const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** Default longest key. LMDB (page 4 KiB) stores keys up to 1978 bytes; one byte of that is our record prefix. */
  keyBytes: 1024,
  /** The hard ceiling for the option `limits.keyBytes`. */
  keyBytesCeiling: 1900,
  /** Default longest value: like etcd's 1.5 MiB request, large enough for documents, small enough to copy. */
  valueBytes: 1 * MIB,
  /** The hard ceiling for the option `limits.valueBytes`: a quarter of a frame, so an entry always fits one. */
  valueBytesCeiling: 8 * MIB,
  /** Operations in one atomic batch (mput, mdelete, MSET, DEL). Bounds the time that one apply blocks the loop. */
  batchOperations: 10_000,
  /** Bytes of one client request after decoding (keys, values, framing) in one atomic batch. */
  requestBytes: 16 * MIB,
  /** Payload bytes of one log entry: commands of one turn are packed up to this, a single larger command goes alone. */
  entryPayloadBytes: 256 * KIB,
  /** One frame between replicas, header included: the largest request with room for its envelope. */
  frameBytes: 32 * MIB,
  /** A frame before the handshake is done (reliability.md §6.5). */
  handshakeFrameBytes: 4 * KIB,
  /** Envelopes in one frame, counted before decoding: 64 partitions x a few messages each. */
  frameEnvelopes: 4096,
  /** Entries in one append message, counted before decoding. */
  appendEntries: 1024,
  /** Payload bytes of one append message (a single larger entry goes alone). */
  appendBytes: 1 * MIB,
  /** Append messages in flight to one follower: window in messages ... */
  inflightMessages: 64,
  /** ... and in bytes: bandwidth x round trip of a 1 Gbit/s link at 60 ms, rounded up. */
  inflightBytes: 8 * MIB,
  /** Payload bytes appended but not committed, per group; beyond it proposals are answered `busy`. */
  uncommittedBytes: 64 * MIB,
  /** Reads that wait for a read index, per group; beyond it reads are answered `busy`. */
  pendingReads: 100_000,
  /** Proposals that a follower has forwarded and not heard of, per group. */
  forwardedProposals: 1024,
  /** Changes of membership that wait for their end, per group: one is under way at a time, the others are retries. */
  pendingMembershipChanges: 16,
  /** Batches of leaderless groups in one message, counted before decoding ... */
  deltaBatches: 1024,
  /** ... and their bytes (a single larger batch goes alone): small enough that no origin holds up the others. */
  deltaBytes: 256 * KIB,
  /**
   * Batches and bytes that wait for what they depend on, per origin: what is missing always finds room, as it comes from
   * another one (ap.md §1.2.3).
   */
  bufferedBatches: 4096,
  bufferedBytes: 8 * MIB,
  /** Origins that a group knows of: members, and their former incarnations until everybody has all of theirs. */
  origins: 1024,
  /** Requests that wait until writes have reached other members, or this one, per group; beyond it: `busy`. */
  ensures: 10_000,
  /** How far a received Lamport counter may be ahead: 127 days of 100 000 writes a second (ap.md §1.0.2). */
  clockJump: 2 ** 40,
  /** No counter above it is taken over: two jumps below the last number that a double counts. */
  clockCeiling: 2 ** 53 - 2 ** 41,
  /** Keys in one question to another member for the versions that it holds. */
  probeKeys: 1024,
  /** Leaves of the range hash of a leaderless group. */
  scrubLeaves: 4096,
  /** Bytes queued towards one peer; beyond it messages are dropped and the protocol sends them again. */
  peerQueueBytes: 64 * MIB,
  /** One snapshot chunk: large enough to stream at disk speed, small enough to let heartbeats pass. */
  snapshotChunkBytes: 256 * KIB,
  /** Client sessions kept per group (X1: the bound is part of the replicated state, changing it changes state). */
  sessions: 10_000,
  /** Ids of evicted sessions remembered per group, so that a late retry is told `session_evicted`. */
  evictedSessions: 40_000,
  /** Bytes of kept results of all client sessions of a group; the least recently used go first (X1 applies). */
  sessionBytes: 64 * MIB,
  /** Length of a client id. */
  clientIdBytes: 128,
  /** Keys in one scan page. */
  scanKeys: 10_000,
  /** Bytes of keys and values in one scan page. */
  scanBytes: 4 * MIB,
  /** An origin: a replica's id (64), `~`, and its incarnation (16). */
  originBytes: 96,
  /** Dots in the context of one write: as many as there may be siblings, and then some. */
  contextDots: 256,
  /**
   * Values side by side of one key: a put without a context then replaces those that are there. Clients that never read would
   * let them grow without end, and a context must be able to name them all (contextDots).
   */
  siblings: 100,
  /** What the log of overwritten values keeps of one value: enough to recognise it. */
  conflictValueBytes: 1 * KIB,
} as const;
