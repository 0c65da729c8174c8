import { latin1Slice } from '../../native-like/bytes/index.js';
import { assert, InvariantViolation } from '../base/assert.js';
import type { Revision } from '../base/brand.js';
import { BatchReader } from './batch-reader.js';
import type { DecodedCommand } from './command-decoder.js';
import { digestOperations } from './command-digest.js';
import { DecodeError } from './decode-error.js';
import { evaluate, failedBatch, isFailure, succeeded } from './operations.js';
import { decodeMeta, decodeRecord, encodeMeta, type KvBase, type KvChange, type KvMeta } from './records.js';
import { decodeResult, encodeResult } from './result-codec.js';
import { SESSION_BOUNDS, Sessions, type SessionBounds } from './sessions.js';
import { digestSteps } from './state-digest.js';
import { KvState } from './state.js';
import type { CommandResult, Item, KeyString, KvReader, Operation, OperationResult, ResultSink } from './types.js';

/** Everything that the next checkpoint has to write. It stays as it is while later commands are applied. */
export interface FrozenState {
  /** Each record once; may be walked in pieces, and more than once. */
  changes(): Iterable<KvChange>;
  readonly meta: Uint8Array;
  readonly revision: Revision;
}

const FRESH: KvMeta = { revision: 0 as Revision, size: 0, sessionClock: 0, evictions: 0, hasForgotten: false };

type Outcome = Pick<CommandResult, 'revision' | 'operations'>;

/**
 * The state machine of one group: applies batches of commands in log order. Deterministic: the state and the results
 * depend on the batches and their order alone (raft.md X2), not on when checkpoints happen.
 */
export class KvStateMachine {
  /** Reads see the state after the last applied command. Points to one object for the machine's whole life. */
  readonly reader: KvReader;
  readonly #state: KvState;
  readonly #sessions: Sessions;

  private constructor(state: KvState, sessions: Sessions) {
    this.#state = state;
    this.#sessions = sessions;
    this.reader = state;
  }

  /**
   * The state as of a checkpoint: `base` holds its records, `meta` is what `freeze` gave for it; null for an empty
   * group. Throws `checkpoint_corrupt`. `bounds` are for tests.
   */
  static open(base: KvBase, meta: Uint8Array | null, bounds: SessionBounds = SESSION_BOUNDS): KvStateMachine {
    const decoded = meta === null ? FRESH : decodeMeta(meta);
    const sessions = new Sessions(bounds);
    sessions.load(base, decoded);
    return new KvStateMachine(new KvState(base, decoded.size, decoded.revision), sessions);
  }

  /**
   * Applies the commands of one log entry and tells `sink` (null on replicas where nobody waits) their results in order.
   * `payload` is kept, and must not change. Throws InvariantViolation when it is not a batch: payloads are encoded by
   * BatchBuilder or checked by `validateBatch` before they are proposed, and protected by checksums since.
   */
  applyBatch(payload: Uint8Array, sink: ResultSink | null): void {
    const reader = new BatchReader(payload);
    const state = this.#state;
    try {
      for (let position = 0; ; position++) {
        const form = reader.next();
        if (form === 'end') return;
        if (form === 'put') {
          const key = latin1Slice(payload, reader.keyStart, reader.keyEnd);
          const created = state.put(key, payload, reader.valueStart, reader.valueEnd);
          sink?.onPut(position, created, state.revision);
        } else {
          this.#applyCommand(reader.decode(), position, sink);
        }
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new InvariantViolation(`a committed batch does not decode: ${error.message}`, { cause: error });
    }
  }

  #applyCommand(command: DecodedCommand, position: number, sink: ResultSink | null): void {
    const { operations, session } = command;
    const result = session === null ? completed(this.#execute(operations)) : this.#executeOnce(operations, session);
    if (sink === null) return;
    // However it was encoded, a plain put is told as one.
    const only = operations.length === 1 ? result.operations[0] : undefined;
    if (session === null && only !== undefined && isPlainPut(operations[0])) {
      sink.onPut(position, only.status === 'created', only.revision);
    } else {
      sink.onResult(position, result);
    }
  }

  #executeOnce(operations: readonly Operation[], { client, seq }: { client: KeyString; seq: number }): CommandResult {
    const digest = digestOperations(operations);
    const admission = this.#sessions.admit(client, seq, digest);
    if (admission.verdict === 'execute') {
      const outcome = this.#execute(operations);
      this.#sessions.remember(client, seq, digest, encodeResult(outcome));
      return completed(outcome);
    }
    if (admission.verdict === 'duplicate') {
      const kept = decodeRecord('a session', admission.result, () => decodeResult(admission.result));
      return { ...kept, error: null, duplicate: true };
    }
    return { revision: this.#state.revision, operations: [], error: admission.verdict, duplicate: false };
  }

  /** All operations or none (raft.md X4): changes are staged, and reach the state only when nothing failed. */
  #execute(operations: readonly Operation[]): Outcome {
    const state = this.#state;
    const revision = (state.revision + 1) as Revision;
    const staged = new Map<KeyString, Item | null>();
    const results: OperationResult[] = [];
    let sizeDelta = 0;
    for (const operation of operations) {
      const stagedItem = staged.get(operation.key);
      const current = stagedItem === undefined ? state.find(operation.key) : stagedItem;
      const outcome = evaluate(operation, current, revision);
      if (isFailure(outcome.status)) {
        const failed = failedBatch(operations.length, results.length, outcome.status, current);
        return { revision: state.revision, operations: failed };
      }
      if (outcome.next !== undefined) {
        staged.set(operation.key, outcome.next);
        sizeDelta += Number(outcome.next !== null) - Number(current !== null);
      }
      results.push(succeeded(operation, outcome, current, revision));
    }
    assert(results.length === operations.length, 'every operation has a result');
    if (staged.size > 0) state.commit(staged, sizeDelta);
    return { revision: state.revision, operations: results };
  }

  /**
   * Sets everything since the last freeze apart for a checkpoint, in constant time. Commands may be applied while it is
   * written. Exactly one of `thaw` and `abandonFreeze` must follow before the next freeze.
   */
  freeze(): FrozenState {
    const data = this.#state.freeze();
    const sessions = this.#sessions.freeze();
    const { size, revision } = this.#state;
    return {
      *changes() {
        yield* data();
        yield* sessions();
      },
      meta: encodeMeta({ revision, size, ...this.#sessions.meta }),
      revision,
    };
  }

  /** The checkpoint is durable and `base` shows it: what was frozen is dropped from memory. */
  thaw(): void {
    this.#state.thaw();
    this.#sessions.thaw();
  }

  /** The checkpoint failed and `base` is as it was: what was frozen goes into the next one. */
  abandonFreeze(): void {
    this.#state.abandonFreeze();
    this.#sessions.abandonFreeze();
  }

  /**
   * A hash over everything that decides about later results: all live items in key order, and the sessions. Equal on
   * replicas that applied the same commands, whatever their checkpoints. Reads everything: for tests and checks.
   */
  digest(): string {
    const steps = this.digestSteps();
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  /** As `digest`, in steps; valid until the next command is applied. */
  digestSteps(): Iterator<undefined, string> {
    const { revision, size } = this.#state;
    return digestSteps({ revision, size, scan: (options) => this.#state.scan(options) }, this.#sessions);
  }

  /** As `digestSteps`, of the state that was frozen just now: commands may be applied until the freeze ends. */
  frozenDigestSteps(): Iterator<undefined, string> {
    const { revision, size } = this.#state;
    return digestSteps({ revision, size, scan: (options) => this.#state.scanFrozen(options) }, this.#sessions);
  }
}

function completed(outcome: Outcome): CommandResult {
  const { revision, operations } = outcome;
  return { revision, operations, error: null, duplicate: false };
}

function isPlainPut(operation: Operation | undefined): boolean {
  return operation?.op === 'put' && operation.condition === undefined && operation.returnPrevious !== true;
}
