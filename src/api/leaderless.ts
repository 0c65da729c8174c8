import { KvorumError } from '../base/errors/error.js';
import type { Keyspace, Router } from '../replica/router.js';

/** Names of the keyspaces in which all writes have one order. */
export function orderedKeyspaces(router: Router): readonly string[] {
  return router.keyspaces.filter(({ leaderless }) => leaderless === null).map(({ name }) => name);
}

/** Where to go for what a leaderless keyspace cannot do: requests are never led to other data than they name. */
export function whereOrdered(router: Router): string {
  const names = orderedKeyspaces(router);
  if (names.length === 0)
    return 'This cluster has no keyspace with a leader: add one with the engine raft or semisync.';
  return `${names.length === 1 ? 'The keyspace' : 'These keyspaces'} can: ${names.join(', ')}.`;
}

/** Why a leaderless keyspace refuses it; `what` is the beginning of a sentence, for example `INCR reads and writes`. */
export function refusedWithoutOrder(router: Router, keyspace: Keyspace, what: string): KvorumError {
  const { engine, name } = keyspace;
  const why = `two members may do so at the same time, and ${engine} has no order in which one of them comes first`;
  return new KvorumError('unsupported_by_engine', `${what}: ${why}. ${whereOrdered(router)}`, {
    extra: { keyspace: name, engine, ordered_keyspaces: orderedKeyspaces(router) },
  });
}
