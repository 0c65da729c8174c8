import type { Keyspace } from '../../../replica/router.js';
import { keyspaceOf, type Client } from '../client.js';
import { NOT_AN_INTEGER, Refusal } from '../replies.js';
import type { Request } from '../request.js';
import type { WaitCommand, Waiting } from './command.js';

/** As good as for ever, and a timer can count to it. */
const FOREVER_MS = 2 ** 31 - 1;

/**
 * How many other members hold durably everything that this replica had written, the connection's writes among it, when
 * this is called; told anew each time.
 */
function holdersOf(keyspace: Keyspace): () => number {
  const { engine } = keyspace.status();
  if (engine.engine === 'raft' || engine.engine === 'semisync') {
    const target = engine.commitIndex;
    return () => followersAt(keyspace, target);
  }
  const { origin } = engine;
  const target = engine.vector.get(origin) ?? 0;
  return () => {
    const now = keyspace.status().engine;
    if (!('origin' in now) || now.origin !== origin) return 0; // Written under a name that is given up.
    const since = (now.vector.get(origin) ?? 0) - target;
    return now.members.filter((member) => member.origin !== null && member.lag <= since).length;
  };
}

/** As Redis: a follower knows nothing of the others, and whoever waited at a leader that is none any more is told. */
const OF_FOLLOWER = 'ERR WAIT cannot be used with replica instances: nothing is written here';
const UNBLOCKED = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';

function follows(keyspace: Keyspace): boolean {
  return keyspace.semisync !== null && keyspace.leader()?.isSelf !== true;
}

/** What is committed is on a majority; only the leader knows of more. */
function followersAt(keyspace: Keyspace, target: number): number {
  const { engine } = keyspace.status();
  if (engine.engine === 'semisync') return engine.followers.filter(({ durableIndex }) => durableIndex >= target).length;
  if (engine.engine !== 'raft') return 0;
  const { voters } = engine.membership.membership;
  const certain = Math.floor(voters.length / 2);
  if (engine.role !== 'leader') return certain;
  const known = engine.progress.filter(({ matchIndex, peer }) => voters.includes(peer) && matchIndex >= target).length;
  return Math.max(certain, known);
}

/** WAIT numreplicas timeout: the number that was reached, which may be less when the time is over. 0 waits for ever. */
function prepare(request: Request, client: Client): Waiting | Refusal {
  const wanted = request.integer(1);
  if (wanted === null) return NOT_AN_INTEGER;
  const timeout = request.integer(2);
  if (timeout === null) return new Refusal('ERR timeout is not an integer or out of range');
  if (timeout < 0n) return new Refusal('ERR timeout is negative');
  const keyspace = keyspaceOf(client);
  if (follows(keyspace)) return new Refusal(OF_FOLLOWER);
  const holders = holdersOf(keyspace);
  return {
    timeoutMs: timeout === 0n || timeout > BigInt(FOREVER_MS) ? FOREVER_MS : Number(timeout),
    poll: (last) => {
      if (follows(keyspace)) return (out) => out.error(UNBLOCKED);
      const count = holders();
      return BigInt(count) >= wanted || last ? (out) => out.integer(count) : null;
    },
  };
}

export const WAIT: WaitCommand = {
  name: 'wait',
  kind: 'wait',
  arity: 3,
  flags: ['noscript'],
  keys: [0, 0, 0],
  group: 'generic',
  since: '3.0.0',
  summary:
    'Wait for the synchronous replication of all the write commands sent in the context of the current connection',
  prepare,
};
