import { KvorumError } from '../../base/errors/error.js';
import type { KeyString, KvReader } from '../../kv/types.js';
import type { Consistency, Keyspace, Level, ReadOptions, ReadWaiter, Router } from '../../replica/router.js';
import { LEVELS } from '../../replica/router.js';
import { orderedKeyspaces, whereOrdered } from '../leaderless.js';
import type { Exchange } from './exchange.js';
import { failOrPassOn, passedToLeader } from './pass-on.js';
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
/** What keyspaces with a write quorum offer, beside `bounded:<ms>`. */
const SEMISYNC: ReadonlyMap<string, Consistency> = new Map([
  ['leader', 'leader'],
  ['strong', 'strong'],
  ['follower', 'follower'],
]);
const BOUNDED = /^bounded:(\d{1,9})$/;
const SEMISYNC_OFFERED = ['leader', 'strong', 'follower', 'bounded:<ms>'];
/** What others call what is offered there. */
const SEMISYNC_NEAREST: ReadonlyMap<string, string> = new Map([
  ['linearizable', 'strong'],
  ['readindex', 'strong'],
  ['lease', 'leader'],
  ['stale', 'follower'],
  ['eventual', 'follower'],
  ['bounded', 'bounded:500'],
]);
const ORDERED_OFFERED = ['linearizable', 'lease', 'stale'];
const LEADERLESS_OFFERED = [...LEVELS, 'eventual'];

/** What a request asks for. */
interface AskedConsistency {
  readonly consistency: Consistency;
  /** Of `bounded`. */
  readonly maxStalenessMs?: number;
}

/** Throws unsupported_consistency, with what the engine offers. */
export function consistencyNamed(router: Router, keyspace: Keyspace, name: string): Consistency {
  if (keyspace.leaderless !== null) return levelNamed(router, keyspace, name);
  if (keyspace.semisync !== null) return semisyncNamed(keyspace, name);
  const consistency = ORDERED.get(name);
  if (consistency !== undefined) return consistency;
  throw new KvorumError(
    'unsupported_consistency',
    `${printable(name)} is not among linearizable, lease and stale, which the engine ${keyspace.engine} offers`,
    { extra: { offered: ORDERED_OFFERED } },
  );
}

function semisyncNamed({ engine, name: keyspace }: Keyspace, name: string): Consistency {
  const consistency = SEMISYNC.get(name);
  if (consistency !== undefined) return consistency;
  const nearest = SEMISYNC_NEAREST.get(name);
  const hint = nearest === undefined ? '' : `; ${nearest} is the nearest`;
  const offered = `the engine ${engine} of keyspace ${keyspace} offers ${SEMISYNC_OFFERED.join(', ')}`;
  const how = BOUNDED.test(name) ? 'can be asked for by a request only' : 'is not among what is offered';
  throw new KvorumError('unsupported_consistency', `${printable(name)} ${how}: ${offered}${hint}`, {
    extra: { offered: SEMISYNC_OFFERED },
  });
}

function askedFor(exchange: Exchange, keyspace: Keyspace): AskedConsistency {
  const asked = exchange.query.get('consistency');
  if (asked === undefined) return { consistency: keyspace.defaultConsistency };
  const bound = keyspace.semisync === null ? undefined : BOUNDED.exec(asked)?.[1];
  if (bound !== undefined) return { consistency: 'bounded', maxStalenessMs: Number(bound) };
  return { consistency: consistencyNamed(exchange.router, keyspace, asked) };
}

/** These are any member's to serve. */
const LOCAL: ReadonlySet<Consistency> = new Set(['stale', 'follower', 'bounded']);

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
  const { consistency, maxStalenessMs } = askedFor(exchange, keyspace);
  if (!LOCAL.has(consistency) && passedToLeader(exchange, keyspace, 'read')) return;
  const asked = readOptions(exchange, keyspace, keys);
  const options = maxStalenessMs === undefined ? asked : { ...asked, maxStalenessMs };
  keyspace.read(consistency, new Reading(exchange, keyspace, use), 0, options);
}

function readOptions(
  exchange: Exchange,
  keyspace: Keyspace,
  keys: readonly KeyString[] | null,
): ReadOptions | undefined {
  const options = requestOptions(exchange, keyspace);
  return keyspace.leaderless === null || keys === null ? options : { ...options, keys };
}

class Reading implements ReadWaiter {
  readonly #exchange: Exchange;
  readonly #keyspace: Keyspace;
  readonly #use: (reader: KvReader) => void;

  constructor(exchange: Exchange, keyspace: Keyspace, use: (reader: KvReader) => void) {
    this.#exchange = exchange;
    this.#keyspace = keyspace;
    this.#use = use;
  }

  onReadable(_token: number, reader: KvReader): void {
    this.#exchange.run(() => this.#use(reader));
  }

  onError(_token: number, error: KvorumError): void {
    this.#exchange.run(() => failOrPassOn(this.#exchange, this.#keyspace, 'read', error));
  }
}
