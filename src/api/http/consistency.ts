import { KvorumError } from '../../base/errors/error.js';
import type { KeyString, KvReader } from '../../kv/types.js';
import type { Consistency, Keyspace, Level, ReadWaiter, RequestOptions, Router } from '../../replica/router.js';
import { LEVELS } from '../../replica/router.js';
import { orderedKeyspaces, whereOrdered } from '../leaderless.js';
import type { Exchange } from './exchange.js';
import { redirectedToLeader } from './leader.js';
import { printable } from './query.js';
import { requestOptions } from './session.js';

/** What keyspaces with a leader offer; `readindex` and `strong` are other names of linearizable. */
const ORDERED: ReadonlyMap<string, Consistency> = new Map([
  ['linearizable', 'linearizable'],
  ['readindex', 'linearizable'],
  ['strong', 'linearizable'],
  ['lease', 'lease'],
  ['stale', 'stale'],
]);
/** What leaderless keyspaces offer. */
const LEADERLESS: ReadonlyMap<string, Level> = new Map<string, Level>([
  ...LEVELS.map((level) => [level, level] as const),
  ['eventual', 'one'],
]);
const ORDERED_OFFERED = ['linearizable', 'lease', 'stale'];
const LEADERLESS_OFFERED = [...LEVELS, 'eventual'];

export function consistencyNamed(router: Router, keyspace: Keyspace, name: string): Consistency {
  if (keyspace.leaderless !== null) return levelNamed(router, keyspace, name);
  const consistency = ORDERED.get(name);
  if (consistency !== undefined) return consistency;
  throw new KvorumError(
    'unsupported_consistency',
    `${printable(name)} is not among linearizable, lease and stale, which the engine ${keyspace.engine} offers`,
    { extra: { offered: ORDERED_OFFERED } },
  );
}

/** R + W > N with last-writer-wins is not linearizable: nothing here is called strong. */
function levelNamed(router: Router, { engine, name: keyspace }: Keyspace, name: string): Level {
  const level = LEADERLESS.get(name);
  if (level !== undefined) return level;
  const offered = `the engine ${engine} of keyspace ${keyspace} offers ${LEADERLESS_OFFERED.join(', ')}`;
  const strong = ORDERED.has(name);
  const detail = strong
    ? `${printable(name)} needs one order of all writes, which no number of replicas gives without a leader; ${offered}. ${whereOrdered(router)}`
    : `${printable(name)} is not among the levels: ${offered}`;
  const extra = { offered: LEADERLESS_OFFERED, ...(strong && { ordered_keyspaces: orderedKeyspaces(router) }) };
  throw new KvorumError('unsupported_consistency', detail, { extra });
}

/** The level of `?consistency=` of a write to a leaderless keyspace; undefined leaves it to the keyspace. */
export function writeLevel(exchange: Exchange, keyspace: Keyspace): Level | undefined {
  const asked = exchange.query.get('consistency');
  if (asked === undefined || keyspace.leaderless === null) return undefined;
  return levelNamed(exchange.router, keyspace, asked);
}

/**
 * Reads with the consistency of `?consistency=`, else of the keyspace. `use` runs in the turn in which it is safe. `keys`
 * are those that will be read; null for a scan.
 */
export function read(
  exchange: Exchange,
  keyspace: Keyspace,
  keys: readonly KeyString[] | null,
  use: (reader: KvReader) => void,
): void {
  const asked = exchange.query.get('consistency');
  const { router } = exchange;
  const consistency = asked === undefined ? keyspace.defaultConsistency : consistencyNamed(router, keyspace, asked);
  if (consistency !== 'stale' && redirectedToLeader(exchange, keyspace)) return;
  const options = requestOptions(exchange, keyspace);
  keyspace.read(consistency, new Reading(exchange, use), 0, withKeys(keyspace, options, keys));
}

function withKeys(
  { leaderless }: Keyspace,
  options: RequestOptions | undefined,
  keys: readonly KeyString[] | null,
): (RequestOptions & { readonly keys?: readonly KeyString[] }) | undefined {
  return leaderless === null || keys === null ? options : { ...options, keys };
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
