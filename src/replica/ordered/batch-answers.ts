import type { KvStateMachine } from '../../kv/index.js';
import type { CommandResult, ResultSink } from '../../kv/types.js';
import type { WriteBatch } from './pending.js';

/** Applies batches and answers whoever waits for what is in them. */
export class BatchAnswers implements ResultSink {
  /** The batch whose entry is being applied: where onPut and onResult lead. */
  #applying: WriteBatch | null = null;

  /** `mine`: the requests behind it; null: they are of somebody else, or were told already that the outcome is unknown. */
  apply(payload: Uint8Array, kv: KvStateMachine, mine: WriteBatch | null): void {
    if (mine === null) {
      kv.applyBatch(payload, null);
      return;
    }
    this.#applying = mine;
    kv.applyBatch(payload, this);
    this.#applying = null;
  }

  onPut(position: number, created: boolean, revision: Parameters<ResultSink['onPut']>[2]): void {
    const batch = this.#applying;
    batch?.waiters[position]?.onPut(batch.tokens[position] ?? 0, created, revision);
  }

  onResult(position: number, result: CommandResult): void {
    const batch = this.#applying;
    batch?.waiters[position]?.onResult(batch.tokens[position] ?? 0, result);
  }
}
