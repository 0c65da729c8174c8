import t from 'tap';
import type { LogIndex, Term } from '../../../../src/base/brand.js';
import type { RaftOptions } from '../../../../src/engines/raft/events.js';
import { MembershipHistory } from '../../../../src/engines/raft/membership-history.js';
import { UNKNOWN_MEMBERSHIP, type Membership, type PlacedMembership } from '../../../../src/engines/raft/membership.js';
import { entriesOf, membershipEntry, membershipOf, Solo } from './solo.js';

const JOINT = membershipOf('ab', { outgoing: 'abc' });
const FINAL = membershipOf('ab', { removed: 'c' });

function placed(index: number, membership: Membership): PlacedMembership {
  return { index: index as LogIndex, membership };
}

const FORMED = placed(0, membershipOf('abc'));

/** A log of five entries of term 1 with JOINT at 2 and FINAL at 4; `commit` and the recorded pair as given. */
function recovered(
  commit: number,
  committed: PlacedMembership,
  latest: PlacedMembership,
  more: Partial<RaftOptions['recovered']> = {},
): RaftOptions['recovered'] {
  const entries = entriesOf([1, 1, 1, 1, 1]);
  entries[1] = membershipEntry(2, 1, JOINT);
  entries[3] = membershipEntry(4, 1, FINAL);
  return {
    hardState: { term: 1 as Term, vote: null, commit: commit as LogIndex },
    baseIndex: 0 as LogIndex,
    baseTerm: 0 as Term,
    entries,
    appliedIndex: 0 as LogIndex,
    memberships: { committed, latest },
    ...more,
  };
}

function start(state: RaftOptions['recovered'], membership = FORMED.membership): Solo {
  return new Solo({ options: { recovered: state, membership } });
}

t.test('M2: a restarted member has the memberships of its log in force', (t) => {
  const solo = start(recovered(2, placed(2, JOINT), placed(4, FINAL)));
  t.equal(solo.raft.membership.index, 4);
  t.equal(solo.raft.committedMembership.index, 2);
  t.strictSame(solo.memberships, [], 'the driver asks');
  t.end();
});

t.test('M9: the checkpoint says what is in force at its index, the log what comes after', (t) => {
  const at = { appliedIndex: 3 as LogIndex, appliedTerm: 1 as Term };
  const solo = start(recovered(3, placed(2, JOINT), placed(4, FINAL), { ...at, membership: placed(2, JOINT) }));
  t.equal(solo.raft.membership.index, 4);
  t.equal(solo.raft.committedMembership.index, 2);
  const cut = { ...at, baseIndex: 3 as LogIndex, baseTerm: 1 as Term, membership: placed(2, JOINT) };
  const entries = recovered(0, FORMED, FORMED).entries.slice(3);
  t.equal(start(recovered(3, placed(2, JOINT), placed(4, FINAL), { ...cut, entries })).raft.membership.index, 4);
  t.end();
});

t.test('a disagreement of log, checkpoint and what was recorded stops the start', (t) => {
  const at = { appliedIndex: 3 as LogIndex, appliedTerm: 1 as Term };
  const cases: [string, RaftOptions['recovered']][] = [
    ['another latest', recovered(0, FORMED, placed(2, JOINT))],
    ['a latest that is gone', recovered(0, FORMED, placed(5, FINAL))],
    ['other contents', recovered(0, FORMED, placed(4, membershipOf('ab', { removed: 'd' })))],
    ['more is committed than was recorded', recovered(2, FORMED, placed(4, FINAL))],
    ['less is committed than was recorded', recovered(1, placed(2, JOINT), placed(4, FINAL))],
    ['the group was formed with others', recovered(0, placed(0, membershipOf('abd')), placed(4, FINAL))],
    [
      'the checkpoint lacks a membership',
      recovered(3, placed(2, JOINT), placed(4, FINAL), { ...at, membership: FORMED }),
    ],
    ['no checkpoint knows it', recovered(3, placed(2, JOINT), placed(4, FINAL), at)],
    [
      'the checkpoint has another one',
      recovered(3, placed(2, JOINT), placed(4, FINAL), { ...at, membership: placed(2, FINAL) }),
    ],
    [
      'a membership that makes no sense',
      recovered(0, FORMED, FORMED, { entries: [membershipEntry(1, 1, membershipOf('ab', { learners: 'b' }))] }),
    ],
  ];
  for (const [name, state] of cases) t.throws(() => start(state), { name: 'InvariantViolation' }, name);
  t.end();
});

t.test('C6: a checkpoint beyond the recorded commit index makes the pair older than it, which is right', (t) => {
  const at = { appliedIndex: 3 as LogIndex, appliedTerm: 1 as Term, membership: placed(2, JOINT) };
  const solo = start(recovered(1, FORMED, placed(4, FINAL), at));
  t.equal(solo.raft.committedMembership.index, 2);
  t.end();
});

t.test(
  'S3, S5: after a crash between a snapshot and the next hard state, the recorded pair is of another time',
  (t) => {
    const beyond = { appliedIndex: 9 as LogIndex, appliedTerm: 2 as Term, membership: placed(7, membershipOf('abd')) };
    const solo = start(recovered(1, FORMED, placed(4, FINAL), beyond));
    t.equal(solo.raft.membership.index, 7);
    t.equal(solo.raft.committedMembership.index, 7);
    const undone = { appliedIndex: 3 as LogIndex, appliedTerm: 2 as Term, membership: FORMED };
    const other = start(recovered(0, FORMED, placed(4, FINAL), undone));
    t.equal(other.raft.membership.index, 0, 'a checkpoint of another history took the log with its memberships');
    t.end();
  },
);

t.test('a replica that joined may learn what the group was formed with from a checkpoint, or never', (t) => {
  const unknown = placed(0, UNKNOWN_MEMBERSHIP);
  const solo = start(recovered(0, unknown, placed(4, FINAL)), UNKNOWN_MEMBERSHIP);
  t.equal(solo.raft.membership.index, 4);
  const at = { appliedIndex: 1 as LogIndex, appliedTerm: 1 as Term };
  const told = start(recovered(1, unknown, placed(4, FINAL), { ...at, membership: FORMED }), UNKNOWN_MEMBERSHIP);
  t.equal(told.raft.membershipAt(1 as LogIndex).membership.voters.length, 3);
  const founder = start(recovered(1, FORMED, placed(4, FINAL), { ...at, membership: unknown }));
  t.equal(founder.raft.membershipAt(1 as LogIndex).membership.voters.length, 3, 'a founder that got such a checkpoint');
  t.end();
});

t.test('membershipAt answers for every index from the last checkpoint on', (t) => {
  const solo = start(recovered(5, placed(4, FINAL), placed(4, FINAL)));
  const at = (): number[] => [0, 1, 2, 3, 4, 5].map((index) => solo.raft.membershipAt(index as LogIndex).index);
  t.strictSame(at(), [0, 0, 2, 2, 4, 4], 'the driver may write an older checkpoint than what it has applied');
  solo.raft.step({ type: 'checkpointed', index: 3 as LogIndex, cutIndex: 1 as LogIndex });
  t.equal(solo.raft.membershipAt(3 as LogIndex).index, 2);
  t.equal(solo.raft.membershipAt(4 as LogIndex).index, 4);
  t.throws(() => solo.raft.membershipAt(2 as LogIndex), { name: 'InvariantViolation' });
  solo.raft.step({ type: 'checkpointed', index: 5 as LogIndex, cutIndex: 5 as LogIndex });
  t.equal(solo.raft.membershipAt(5 as LogIndex).index, 4);
  t.equal(solo.raft.membership.index, 4);
  t.end();
});

t.test('a committed membership is never undone, and memberships come in order', (t) => {
  const history = new MembershipHistory(FORMED, 0 as LogIndex);
  history.append(placed(2, JOINT));
  history.append(placed(4, FINAL));
  t.throws(() => history.append(placed(4, FINAL)));
  t.equal(history.commitTo(3 as LogIndex), true);
  t.equal(history.commitTo(3 as LogIndex), false);
  t.equal(history.truncateFrom(5 as LogIndex), false);
  t.equal(history.truncateFrom(3 as LogIndex), true);
  t.equal(history.latest.index, 2);
  t.throws(() => history.truncateFrom(2 as LogIndex));
  t.end();
});
