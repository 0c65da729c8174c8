import * as fc from 'fast-check';
import t from 'tap';
import type { ReplicaId } from '../../../../src/base/brand.js';
import { votersOnly, type Membership } from '../../../../src/engines/raft/membership.js';
import { mayFollow } from '../../../../src/engines/raft/membership-rules.js';
import {
  allVoters,
  isVoter,
  majorityHolds,
  majorityOf,
  reachedByMajority,
  voteResult,
} from '../../../../src/engines/raft/quorum.js';
import { isQuorum, quorumsOverlap } from './checker.js';

const group = (size: number) => Array.from({ length: size }, (_, at) => `n${at}` as ReplicaId);

t.test('C5: two majorities always overlap, and no smaller set is one', (t) => {
  for (let size = 1; size <= 9; size++) {
    const majority = majorityOf(group(size));
    t.ok(2 * majority > size && 2 * (majority - 1) <= size, `${majority} of ${size}`);
  }
  t.end();
});

t.test('C5: reachedByMajority is the highest value that a majority has reached', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const voters = group(values.length);
      const valueOf = (voter: ReplicaId): number => values[voters.indexOf(voter)] ?? 0;
      const reached = reachedByMajority(votersOnly(voters), valueOf);
      const holds = (value: number): boolean => majorityHolds(votersOnly(voters), (voter) => valueOf(voter) >= value);
      return holds(reached) && !holds(reached + 1);
    }),
  );
  t.end();
});

t.test('E7: a vote is won by a majority, lost when none is possible any more, and strangers never count', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(true, false, undefined), { minLength: 1, maxLength: 7 }), (answers) => {
      const voters = group(answers.length);
      const votes = new Map<ReplicaId, boolean>([['stranger' as ReplicaId, true]]);
      answers.forEach((answer, at) => {
        const voter = voters[at];
        if (answer !== undefined && voter !== undefined) votes.set(voter, answer);
      });
      const granted = answers.filter((answer) => answer === true).length;
      const open = answers.filter((answer) => answer === undefined).length;
      const majority = Math.floor(answers.length / 2) + 1;
      const expected = granted >= majority ? 'won' : granted + open < majority ? 'lost' : 'pending';
      return voteResult(votersOnly(voters), votes) === expected;
    }),
  );
  t.end();
});

const ids: fc.Arbitrary<string[]> = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), {
  minLength: 1,
  maxLength: 5,
});
/** Any two sets at all: the arithmetic does not rest on how they came about. */
const memberships: fc.Arbitrary<Membership> = fc
  .record({ voters: ids, outgoing: fc.oneof(fc.constant<string[]>([]), ids), learners: ids })
  .map(({ voters, outgoing, learners }) => ({
    ...votersOnly(voters as ReplicaId[]),
    outgoing: outgoing as ReplicaId[],
    learners: learners.filter((id) => !voters.includes(id) && !outgoing.includes(id)) as ReplicaId[],
  }));

/** Every way to split the six into those for whom something holds and the others. */
function* subsets(): Generator<Set<ReplicaId>> {
  const all = group(0).concat(['a', 'b', 'c', 'd', 'e', 'f'] as ReplicaId[]);
  for (let bits = 0; bits < 64; bits++) yield new Set(all.filter((_, at) => (bits & (1 << at)) !== 0));
}

t.test('C5: joint or not, a majority is what brute force says it is', (t) => {
  fc.assert(
    fc.property(memberships, (membership) => {
      for (const inside of subsets()) {
        const expected = isQuorum(membership, inside);
        if (majorityHolds(membership, (voter) => inside.has(voter)) !== expected) return false;
        const reached = reachedByMajority(membership, (voter) => (inside.has(voter) ? 7 : 3));
        if (reached !== (expected ? 7 : 3)) return false;
      }
      return true;
    }),
  );
  t.end();
});

t.test('C5: joint or not, the commit index is the highest value that a quorum has reached', (t) => {
  fc.assert(
    fc.property(memberships, fc.array(fc.nat(9), { minLength: 6, maxLength: 6 }), (membership, values) => {
      const valueOf = (id: ReplicaId): number => values['abcdef'.indexOf(id)] ?? 0;
      const holders = (value: number): Set<ReplicaId> =>
        new Set(allVoters(membership).filter((voter) => valueOf(voter) >= value));
      const reached = reachedByMajority(membership, valueOf);
      return isQuorum(membership, holders(reached)) && !isQuorum(membership, holders(reached + 1));
    }),
  );
  t.end();
});

t.test('C5, E7: joint or not, a vote is won by a quorum, and lost when none is possible any more', (t) => {
  const answers = fc.array(fc.constantFrom(true, false, undefined), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(memberships, answers, (membership, given) => {
      const votes = new Map<ReplicaId, boolean>();
      given.forEach((answer, at) => {
        if (answer !== undefined) votes.set('abcdef'.charAt(at) as ReplicaId, answer);
      });
      const granted = new Set([...votes].filter(([, vote]) => vote).map(([id]) => id));
      const possible = new Set(allVoters(membership).filter((voter) => votes.get(voter) !== false));
      const expected = isQuorum(membership, granted) ? 'won' : isQuorum(membership, possible) ? 'pending' : 'lost';
      return voteResult(membership, votes) === expected;
    }),
  );
  t.end();
});

t.test('a voter of either set is a voter, once', (t) => {
  fc.assert(
    fc.property(memberships, (membership) => {
      const voters = allVoters(membership);
      const expected = new Set([...membership.voters, ...membership.outgoing]);
      return voters.length === expected.size && voters.every((id) => expected.has(id) && isVoter(membership, id));
    }),
  );
  t.end();
});

t.test('M1: whatever may follow in a log, the quorums of neighbours overlap', (t) => {
  let neighbours = 0;
  fc.assert(
    fc.property(memberships, memberships, (before, after) => {
      if (!mayFollow(before, after)) return true;
      neighbours++;
      return quorumsOverlap(before, after);
    }),
    { numRuns: 3000, seed: 1 },
  );
  t.ok(neighbours > 10, `${neighbours} neighbours`);
  t.end();
});
