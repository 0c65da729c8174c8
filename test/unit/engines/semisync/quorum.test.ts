import * as fc from 'fast-check';
import t from 'tap';
import type { LogIndex, Term } from '../../../../src/base/brand.js';
import { nextBallot, ownerOf, sortedMembers } from '../../../../src/engines/semisync/ballot.js';
import type { PlacedQuorum, SemisyncEntry, Tail } from '../../../../src/engines/semisync/messages.js';
import { QuorumHistory, quorumPayload, readQuorum } from '../../../../src/engines/semisync/quorum-history.js';
import { QUORUM_RULES } from '../../../../src/engines/semisync/quorum.js';

const indexes = (...numbers: number[]): LogIndex[] => numbers as LogIndex[];
const ids = (letters: string): Parameters<typeof sortedMembers>[0] => letters.split('') as never;

t.test('ap.md §1.3.5: promises for F and W, with the majority', async (t) => {
  const table = (followers: number): number[] =>
    Array.from({ length: followers }, (_, at) => QUORUM_RULES.promises(followers, at + 1));
  t.same(table(1), [2]);
  t.same(table(2), [2, 2]);
  t.same(table(3), [3, 3, 3]);
  t.same(table(5), [5, 4, 4, 4, 4]);
  t.equal(QUORUM_RULES.promises(5, 0), 6, 'asynchronous writes may be with the leader only: everybody is needed');
});

t.test('ap.md §1.3.5: promises meet every acknowledged write, and every confirmed ballot', async (t) => {
  for (let followers = 1; followers <= 6; followers++) {
    const members = followers + 1;
    for (let writeQuorum = 0; writeQuorum <= followers; writeQuorum++) {
      const promises = QUORUM_RULES.promises(followers, writeQuorum);
      const confirmed = 1 + QUORUM_RULES.confirmations(followers, writeQuorum);
      t.ok(promises <= members, 'it can be done');
      t.ok(promises + writeQuorum + 1 > members, `F=${followers} W=${writeQuorum}: no acknowledged write is missed`);
      t.ok(promises + confirmed > members, 'no strong read is served behind a promotion');
      t.ok(2 * promises > members, 'one candidate at a time');
      t.ok(confirmed <= writeQuorum + 1, 'a strong read takes no more followers than a write');
    }
  }
});

t.test('ap.md §1.3.5: W counts followers, and nothing counts before it is on the leader’s disk', async (t) => {
  const reached = (own: number, followers: number[], writeQuorum: number): number =>
    QUORUM_RULES.reached(own as LogIndex, indexes(...followers), writeQuorum);
  t.equal(reached(9, [3, 7, 5, 0, 8], 1), 8);
  t.equal(reached(9, [3, 7, 5, 0, 8], 3), 5);
  t.equal(reached(9, [3, 7, 5, 0, 8], 5), 0);
  t.equal(reached(4, [3, 7, 5, 0, 8], 1), 4);
  t.equal(reached(4, [], 0), 4);
});

t.test('ap.md §1.3.4: the smallest of what may be in force, not the newest', async (t) => {
  const tail = (commit: number, writeQuorum: number, ...quorums: [index: number, writeQuorum: number][]): Tail => ({
    lastIndex: 100 as LogIndex,
    lastTerm: 64 as Term,
    commit: commit as LogIndex,
    writeQuorum,
    forcedTerm: 0 as Term,
    quorums: quorums.map(([index, w]) => ({ index: index as LogIndex, writeQuorum: w, forcedTerm: 0 as Term })),
  });
  t.equal(QUORUM_RULES.smallestQuorum([tail(4, 3)]), 3);
  t.equal(QUORUM_RULES.smallestQuorum([tail(4, 1, [6, 3]), tail(2, 1)]), 1, 'a raise that is not committed');
  t.equal(QUORUM_RULES.smallestQuorum([tail(4, 3, [6, 1]), tail(2, 3)]), 1, 'lowered in one log only');
  t.equal(QUORUM_RULES.smallestQuorum([tail(8, 3), tail(2, 1, [6, 3])]), 3, 'a raise that somebody knows as committed');
  t.equal(QUORUM_RULES.smallestQuorum([tail(8, 3), tail(2, 3, [9, 2], [10, 4])]), 2);
  const forced = { ...tail(4, 1, [6, 2]), forcedTerm: 130 as Term };
  t.equal(QUORUM_RULES.smallestQuorum([tail(8, 3), forced]), 1, 'commit indexes of two histories are not compared');
});

t.test('ap.md §1.3.5: a ballot belongs to one member, and is above all that were promised', async (t) => {
  const members = sortedMembers(ids('cab'));
  t.same(members, ['a', 'b', 'c']);
  t.equal(nextBallot(0 as Term, 2), 66);
  t.equal(nextBallot(66 as Term, 0), 128);
  t.equal(nextBallot(128 as Term, 0), 192, 'never the same twice');
  t.equal(ownerOf(members, 66 as Term), 'c');
  t.equal(ownerOf(members, 67 as Term), null);
  t.equal(ownerOf(members, 2 as Term), null, 'no ballot has counter 0');
  t.throws(() => sortedMembers(ids('aa')), /listed once/);
});

t.test('ap.md §1.3.4: a write quorum is in force behind its entry, and goes with it', async (t) => {
  const history = new QuorumHistory({ index: 0 as LogIndex, writeQuorum: 3, forcedTerm: 0 as Term }, 0 as LogIndex);
  const entry = (index: number, writeQuorum: number): SemisyncEntry => ({
    index: index as LogIndex,
    term: 64 as Term,
    kind: 'quorum',
    payload: quorumPayload(writeQuorum),
  });
  history.append(entry(5, 1), 5);
  history.append(entry(8, 4), 5);
  t.same(
    indexes(1, 5, 6, 8, 9).map((index) => history.forEntry(index)),
    [3, 3, 1, 1, 4],
  );
  t.equal(history.later(5 as LogIndex).length, 1);
  history.truncateFrom(8 as LogIndex);
  t.equal(history.latest.writeQuorum, 1);
  history.prune(6 as LogIndex);
  t.equal(history.after(6 as LogIndex).writeQuorum, 1);
  t.throws(() => history.after(5 as LogIndex), /not known any more/);
  history.append({ ...entry(9, 1), kind: 'noop', payload: Uint8Array.of(1), term: 129 as Term }, 5);
  t.same(history.latest, { index: 9, writeQuorum: 1, forcedTerm: 129 }, 'an epoch that began by force is remembered');
  history.install(20 as LogIndex, { index: 15 as LogIndex, writeQuorum: 2, forcedTerm: 129 as Term }, false);
  t.equal(history.latest.writeQuorum, 2);
  t.throws(() => history.append(entry(21, 9), 5), /makes sense/);
  t.equal(readQuorum(new Uint8Array(2), 5), null);
});

t.test('ap.md §1.3.4: what a promise leaves out of a long history, a later change of it undercuts', async (t) => {
  const writeQuorums = fc.array(fc.nat(63), { maxLength: 200 });
  fc.assert(
    fc.property(writeQuorums, (list) => {
      const history = new QuorumHistory({ index: 0 as LogIndex, writeQuorum: 1, forcedTerm: 0 as Term }, 0 as LogIndex);
      for (const [at, writeQuorum] of list.entries()) {
        const index = (1 + at) as LogIndex;
        history.append({ index, term: 64 as Term, kind: 'quorum', payload: quorumPayload(writeQuorum) }, 63);
      }
      const smallest = (changes: readonly PlacedQuorum[], after: number): number =>
        Math.min(...changes.filter(({ index }) => index > after).map(({ writeQuorum }) => writeQuorum));
      for (const commit of [0, Math.floor(list.length / 2)]) {
        const told = history.smallestAfter(commit as LogIndex);
        if (told.length > 64) return false;
        // A candidate looks at the changes after the highest commit index of all, which may be any later one.
        for (let after = commit; after <= list.length; after++) {
          if (smallest(told, after) !== smallest(history.later(commit as LogIndex), after)) return false;
        }
      }
      return true;
    }),
    { numRuns: 100 },
  );
  t.pass('the smallest of every rest is the same');
});
