import * as fc from 'fast-check';
import t from 'tap';
import type { ReplicaId } from '../../../../src/base/brand.js';
import { votersOnly } from '../../../../src/engines/raft/membership.js';
import { majorityHolds, majorityOf, reachedByMajority, voteResult } from '../../../../src/engines/raft/quorum.js';

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
