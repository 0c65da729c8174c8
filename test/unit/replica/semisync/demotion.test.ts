import t, { type Test } from 'tap';
import type { KvorumError } from '../../../../src/base/errors/error.js';
import type { WriteWaiter } from '../../../../src/replica/router.js';
import { bytes } from '../../../fixtures/replica/caller.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncMembers } from '../../../fixtures/replica/semisync-members.js';

const FOLLOWERS = ['n2', 'n3'];
/** Of three writes that n1 has appended when it hears that it was deposed. */
const UNKNOWN = ['1 outcome_unknown', '2 outcome_unknown', '3 outcome_unknown'];
/** Longer than any of them may take. */
const LATE_MS = 5000;

/** Told at once, and not with the next turn of the event loop. */
class Told implements WriteWaiter {
  readonly answers: string[] = [];
  readonly details = new Set<string>();

  onPut(token: number): void {
    this.answers.push(`${token} ok`);
  }
  onResult(token: number): void {
    this.answers.push(`${token} ok`);
  }
  onError(token: number, { code, message }: KvorumError): void {
    this.answers.push(`${token} ${code}`);
    this.details.add(message);
  }
}

/** n1 has appended writes that nobody else has; n2 leads a newer epoch with n3, and its messages wait for n1. */
async function deposed(t: Test) {
  const members = await SemisyncMembers.start({ writeQuorum: 1 });
  const before = put(members.keyspace('n1'), 'a', 'before');
  members.runUntil(() => FOLLOWERS.every((id) => members.member(id).reader.size === 1));
  t.match(await before, { ok: true });
  members.cut.add('n1');
  const told = new Told();
  for (const token of [1, 2, 3]) {
    members.keyspace('n1').put(bytes('a'), bytes(`lost ${token}`), told, token);
    members.turn('n1');
  }
  const leader = members.member('n1');
  t.equal(leader.core?.lastIndex, leader.appliedIndex + 3, 'they are in its log alone');
  void members.keyspace('n2').semisync.promote(false);
  members.runUntil(() => members.member('n2').started, FOLLOWERS);
  const after = put(members.keyspace('n2'), 'b', 'after');
  members.runUntil(() => members.member('n3').reader.size === 2, FOLLOWERS);
  t.match(await after, { ok: true });
  t.same(told.answers, [], 'n1 knows of nothing');
  members.cut.delete('n1');
  return { leader, members, told };
}

/** Whatever is asked of n1 now, and later: nothing of its suffix is seen. */
async function servesNothingOfIt(t: Test, members: SemisyncMembers): Promise<void> {
  const n1 = members.keyspace('n1');
  t.match(await get(n1, 'a', 'follower'), { value: 'before' });
  t.match(await get(n1, 'a', 'leader'), { ok: false, code: 'not_leader', error: { extra: { leader: 'n2' } } });
  const strong = get(n1, 'a', 'strong');
  members.turn('n1');
  t.match(await strong, { ok: false, code: 'not_leader' });
  t.match(await put(n1, 'a', 'late'), { ok: false, code: 'not_leader' });
  members.runUntil(() => members.member('n1').reader.size === 2);
  t.match(await get(n1, 'a', 'follower'), { value: 'before' });
  t.match(await get(n1, 'b', 'follower'), { value: 'after' });
  t.equal(members.member('n1').digest(), members.member('n2').digest());
}

t.test(
  'a leader that hears a higher epoch answers every write under way in that turn (ap.md §1.3.5, fencing)',
  async (t) => {
    const { leader, members, told } = await deposed(t);
    members.deliver('n1');
    members.turn('n1');
    t.same(told.answers, UNKNOWN, 'no time has passed');
    t.match([...told.details], [/stopped leading/]);
    t.equal(leader.stats.proposalsUnknown, 3);
    t.equal(leader.writes.pendingBatches, 0);
    await servesNothingOfIt(t, members);
  },
);

t.test('also where deadlines pass between the message and its drain, and its log has lost them already', async (t) => {
  const { leader, members, told } = await deposed(t);
  const appended = leader.core?.lastIndex ?? 0;
  members.deliver('n1');
  t.equal(leader.core?.role, 'follower');
  t.ok((leader.core?.lastIndex ?? 0) < appended, 'entries of n2 took their place');
  members.tick('n1', 0, LATE_MS);
  t.same(told.answers, UNKNOWN);
  t.match([...told.details], [/stopped leading/], 'not with acknowledgements of entries that are gone');
  members.turn('n1');
  t.same(told.answers, UNKNOWN, 'once');
  await servesNothingOfIt(t, members);
});

t.test('while it leads, a deadline tells how many have it (§1.3.2 step 3b)', async (t) => {
  const members = await SemisyncMembers.start({ writeQuorum: 1 });
  for (const id of FOLLOWERS) members.cut.add(id);
  const told = new Told();
  members.keyspace('n1').put(bytes('a'), bytes('1'), told, 1);
  members.turn('n1');
  members.tick('n1', 0, LATE_MS);
  t.same(told.answers, ['1 outcome_unknown']);
  t.match([...told.details], [/0 of 1 followers have acknowledged it/]);
});
