import { assert } from '../../../src/base/assert.js';
import { isKvorumError } from '../../../src/base/errors/error.js';
import { KvorumClient, type Session } from '../../../src/client/client.js';
import type { FaultReplica } from './fault-cluster.js';
import type { Ending, Intent } from './history.js';
import { RedisCaller } from './redis-caller.js';

export type Protocol = 'http' | 'redis';

/** One connection of one client to one replica: one request at a time, every one bounded in time. */
export interface Caller {
  /** With a session the request may be sent again, through any replica. The Redis protocol has none. */
  call(intent: Intent, session: Session | null): Promise<Ending>;
  close(): void;
}

export class HttpCaller implements Caller {
  readonly #client: KvorumClient;

  constructor({ http }: Pick<FaultReplica, 'http'>, keyspace: string, timeoutMs: number) {
    this.#client = new KvorumClient({ node: http, keyspace, timeoutMs });
  }

  async call(intent: Intent, session: Session | null): Promise<Ending> {
    try {
      return await this.#perform(intent, session === null ? {} : { session });
    } catch (error) {
      if (!isKvorumError(error)) throw error;
      const { code } = error;
      if (code === 'cas_mismatch') return { outcome: 'mismatch' };
      if (error.spec.retry === 'outcome-unknown') return { outcome: 'unknown', code };
      assert(error.spec.retry !== 'never', `the request is in order: ${code} ${error.message}`);
      return { outcome: 'failed', code };
    }
  }

  async #perform({ expected = null, key, kind, value }: Intent, options: { session?: Session }): Promise<Ending> {
    switch (kind) {
      case 'get':
        return { outcome: 'ok', value: (await this.#client.get(key))?.value ?? null };
      case 'put':
        await this.#client.put(key, value ?? '', options);
        return { outcome: 'ok' };
      case 'delete':
        return { outcome: 'ok', existed: (await this.#client.delete(key, options)) !== null };
      case 'cas':
        await this.#client.cas(key, expected, value ?? '', options);
        return { outcome: 'ok' };
      case 'append':
        break;
    }
    throw new Error(`HTTP has no ${kind}`);
  }

  close(): void {
    this.#client.close();
  }
}

export function callerFor(protocol: Protocol, replica: FaultReplica, keyspace: string, timeoutMs: number): Caller {
  const Kind = protocol === 'http' ? HttpCaller : RedisCaller;
  return new Kind(replica, keyspace, timeoutMs);
}
