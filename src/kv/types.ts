import type { Revision } from '../base/brand.js';
import type { Dot } from '../base/dot.js';

/**
 * The contract of the kv state machine. Keys are *byte strings*: one char per byte (U+0000 to U+00FF, "latin1"), so that
 * any bytes are a key, Map lookups are fast, and comparing two keys with `<` is comparing their bytes. Values are bytes.
 */
export type KeyString = string;

/** Where the bytes of a value are. `source` is never changed after it was written, so it may be kept (and is shared). */
export interface ValueRef {
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** One live key. Revisions as in etcd: of its creation, of its last change, and how often it was changed since. */
export interface Item extends ValueRef {
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 for a key just created. */
  readonly version: number;
  /** Leaderless keyspaces: which write this is (`modRevision` is its Lamport counter). */
  readonly dot?: Dot;
  /** Keyspaces that keep siblings: all concurrent values, this one (the newest) first; absent when there is only one. */
  readonly siblings?: readonly (ValueRef & { readonly dot: Dot })[];
  /** Milliseconds since 1970. */
  readonly expiresAtMs?: number;
}

/** When a put or delete may happen. Otherwise its result is `unmet` and nothing changes. */
export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  /** If-Match on the key's modRevision. */
  | { readonly kind: 'revision'; readonly revision: Revision }
  | { readonly kind: 'value'; readonly value: Uint8Array };

/** One change. All of them are deterministic: the outcome depends on the state and the command only (X2). */
export type Operation =
  | {
      readonly op: 'put';
      readonly key: KeyString;
      readonly value: Uint8Array;
      readonly condition?: Condition;
      readonly returnPrevious?: boolean;
      /** Leaderless keyspaces: milliseconds since 1970. */
      readonly expiresAtMs?: number;
      /** Keyspaces that keep siblings: what this write has seen and replaces. */
      readonly context?: readonly Dot[];
    }
  | {
      readonly op: 'delete';
      readonly key: KeyString;
      readonly condition?: Condition;
      readonly returnPrevious?: boolean;
      /** Keyspaces that keep siblings: what this delete has seen; values that it has not seen stay. */
      readonly context?: readonly Dot[];
    }
  /** Adds to a decimal 64-bit integer (absent counts as 0), answers the sum. Redis INCRBY. */
  | { readonly op: 'increment'; readonly key: KeyString; readonly delta: bigint }
  /** Appends bytes (absent counts as empty), answers the new length. `maxBytes`: the valueBytes limit in force. */
  | { readonly op: 'append'; readonly key: KeyString; readonly value: Uint8Array; readonly maxBytes: number };

/**
 * What one client request changes, atomically. More than one operation is an atomic batch (mput, mdelete, MSET, DEL):
 * a later operation sees the earlier ones; if one is unmet or invalid, none of the batch takes effect (raft.md X4).
 */
export interface Command {
  /** 1 to LIMITS.batchOperations. */
  readonly operations: readonly Operation[];
  /**
   * At-most-once: see sessions. `clientId` is 1 to LIMITS.clientIdBytes bytes as UTF-8, `seq` a safe integer from 0. A
   * command of several operations with a session may not ask for `returnPrevious`: its kept result must stay small.
   */
  readonly session?: Session;
}

export interface Session {
  readonly clientId: string;
  readonly seq: number;
}

export type OperationStatus =
  | 'created'
  | 'replaced'
  | 'deleted'
  /** A delete of an absent key. */
  | 'absent'
  /** The condition did not hold. */
  | 'unmet'
  | 'not_an_integer'
  | 'integer_overflow'
  | 'value_would_be_too_large'
  /** Another operation of the same batch failed, so this one took no effect either. */
  | 'skipped';

export interface OperationResult {
  readonly status: OperationStatus;
  /** The item before the operation: for `returnPrevious` and for `unmet` (null when the key was absent). */
  readonly previous: Item | null;
  /** `increment`: the sum. `append`: the new length. */
  readonly integer: bigint | number | null;
  /** The key's modRevision after the operation; of a delete: the revision of the delete. 0 when nothing changed. */
  readonly revision: Revision;
}

/** The result of one command. Cached results of sessions equal the first ones, `previous` bytes included. */
export interface CommandResult {
  /** The keyspace revision after this command. Commands that changed nothing take no revision. */
  readonly revision: Revision;
  /** One per operation, or empty when `error` is set. When one operation fails, only it tells why; none took effect. */
  readonly operations: readonly OperationResult[];
  readonly error: 'stale_seq' | 'session_evicted' | 'session_conflict' | null;
  /** True when this is the kept result of an earlier delivery. */
  readonly duplicate: boolean;
  /** Leaderless keyspaces: where the command stands; absent when it changed nothing. */
  readonly dot?: Dot;
}

/**
 * Gets the result of each command of a batch, by its position. `onPut` is the hot path: a single unconditional put
 * without a session and without `returnPrevious`, told without an object, whichever way it was submitted.
 */
export interface ResultSink {
  onPut(position: number, created: boolean, revision: Revision, dot?: Dot): void;
  onResult(position: number, result: CommandResult): void;
}

export interface ScanOptions {
  /** First key (included). '' means from the first. */
  readonly start: KeyString;
  /** End (excluded); null means to the last. */
  readonly end: KeyString | null;
  readonly limit: number;
  /** Stops after this many bytes of keys and values, but gives at least one item. */
  readonly maxBytes: number;
}

export interface ScanPage {
  readonly items: readonly (readonly [key: KeyString, item: Item])[];
  /** Where the next page starts; null when this was the last. */
  readonly next: KeyString | null;
}

/** Where a key stands in a leaderless keyspace, deleted ones included: what a session has seen by reading it. */
export interface KeyVersion {
  readonly dots: readonly Dot[];
  readonly counter: number;
}

/** What reads may see: the state after the last applied command. Valid only in the turn it was handed out. */
export interface KvReader {
  get(key: KeyString): Item | undefined;
  has(key: KeyString): boolean;
  scan(options: ScanOptions): ScanPage;
  /** Live keys. */
  readonly size: number;
  readonly revision: Revision;
  /** Leaderless keyspaces only. Null: nothing is known of the key (never written, or deleted everywhere long ago). */
  version?(key: KeyString): KeyVersion | null;
}
