import { KvorumError } from '../../base/errors/error.js';
import type { KvReader } from '../../kv/types.js';
import type { Consistency, Keyspace, ReadWaiter } from '../../replica/router.js';
import type { Exchange } from './exchange.js';
import { redirectedToLeader } from './leader.js';
import { printable } from './query.js';

/** What raft offers; `readindex` is another name of linearizable. */
const OFFERED: ReadonlyMap<string, Consistency> = new Map([
  ['linearizable', 'linearizable'],
  ['readindex', 'linearizable'],
  ['lease', 'lease'],
  ['stale', 'stale'],
]);

export function consistencyNamed(name: string): Consistency {
  const consistency = OFFERED.get(name);
  if (consistency !== undefined) return consistency;
  throw new KvorumError(
    'unsupported_consistency',
    `${printable(name)} is not among linearizable, lease and stale, which the engine raft offers`,
    { extra: { offered: ['linearizable', 'lease', 'stale'] } },
  );
}

/** Reads with the consistency of `?consistency=`, else of the keyspace. `use` runs in the turn in which it is safe. */
export function read(exchange: Exchange, keyspace: Keyspace, use: (reader: KvReader) => void): void {
  const asked = exchange.query.get('consistency');
  const consistency = asked === undefined ? keyspace.defaultConsistency : consistencyNamed(asked);
  if (consistency !== 'stale' && redirectedToLeader(exchange, keyspace)) return;
  keyspace.read(consistency, new Reading(exchange, use), 0);
}

class Reading implements ReadWaiter {
  readonly #exchange: Exchange;
  readonly #use: (reader: KvReader) => void;

  constructor(exchange: Exchange, use: (reader: KvReader) => void) {
    this.#exchange = exchange;
    this.#use = use;
  }

  onReadable(_token: number, reader: KvReader): void {
    this.#exchange.run(() => this.#use(reader));
  }

  onError(_token: number, error: KvorumError): void {
    this.#exchange.run(() => this.#exchange.fail(error));
  }
}
