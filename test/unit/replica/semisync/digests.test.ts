import t from 'tap';
import type { LogIndex } from '../../../../src/base/brand.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import type { WriteWaiter } from '../../../../src/replica/router.js';
import { bytes } from '../../../fixtures/replica/caller.js';
import { SemisyncMembers } from '../../../fixtures/replica/semisync-members.js';

const IDS = ['n1', 'n2', 'n3'];
/** Far more than is hashed at once. */
const MANY_KEYS = 6000;
const SOON_MS = 60_000;

const nobody: WriteWaiter = { onPut: () => undefined, onResult: () => undefined, onError: () => undefined };

function write(members: SemisyncMembers, from: number, count: number, value: string): void {
  for (let at = from; at < from + count; at++) members.keyspace('n1').put(bytes(`k${at}`), bytes(value), nobody, at);
  members.turn('n1');
}

function allHave(members: SemisyncMembers, index: LogIndex): boolean {
  return IDS.every((id) => members.member(id).appliedIndex >= index);
}

/** Everybody has MANY_KEYS keys. */
async function large(): Promise<SemisyncMembers> {
  const members = await SemisyncMembers.start();
  for (let from = 0; from < MANY_KEYS; from += 1000) write(members, from, 1000, 'first');
  const last = members.member('n1').core?.lastIndex as LogIndex;
  members.runUntil(() => allHave(members, last));
  return members;
}

t.test(
  'a large state is hashed a step per turn, while writes go on, and as of its position (ap.md §1.3.7)',
  async (t) => {
    const members = await large();
    const n1 = members.member('n1');
    const before = n1.digest();
    const at = n1.appliedIndex;
    const asked = IDS.map((id) => members.keyspace(id).semisync.digestAt(at, SOON_MS));
    const told: unknown[] = [];
    for (const answer of asked) void answer.then((digest) => told.push(digest?.digest));
    const again = members.keyspace('n1').semisync.digestAt(at, SOON_MS);
    for (let turn = 0; turn < 4; turn++) {
      write(members, turn, 1, 'second');
      for (const id of IDS) {
        members.deliver(id);
        members.turn(id);
      }
      await new Promise((resolve) => setImmediate(resolve));
      t.same(told, [], 'no turn does all of it');
    }
    t.ok(n1.appliedIndex > at, 'more was applied meanwhile');
    members.runUntil(() => IDS.every((id) => members.member(id).appliedIndex > at + 3));
    for (let turn = 0; turn < 20; turn++) for (const id of IDS) members.turn(id);
    await Promise.all(asked);
    t.same(told, [before, before, before]);
    t.match(await again, { index: at, keys: MANY_KEYS, digest: before }, 'who asks for the same one joins');
    t.not(n1.digest(), before);
    t.equal(n1.digest(), members.member('n2').digest(), 'what was written meanwhile is not lost with the frozen state');
  },
);

t.test('a position that is reached while writes go on is hashed there, by leader and followers', async (t) => {
  const members = await large();
  const at = (members.member('n1').appliedIndex + 3) as LogIndex;
  const asked = IDS.map((id) => members.keyspace(id).semisync.digestAt(at, SOON_MS));
  for (let round = 0; round < 10; round++) write(members, round, 1, `value ${round}`);
  members.runUntil(() => allHave(members, (at + 4) as LogIndex));
  for (let turn = 0; turn < 20; turn++) for (const id of IDS) members.turn(id);
  const digests = await Promise.all(asked);
  t.match(digests, [{ index: at }, { index: at }, { index: at }]);
  t.equal(new Set(digests.map((digest) => digest?.digest)).size, 1);
});

t.test('one at a time, and a checkpoint waits for it: another position passes by unhashed', async (t) => {
  const members = await large();
  const n2 = members.member('n2');
  const { semisync } = members.keyspace('n2');
  const at = n2.appliedIndex;
  const first = semisync.digestAt(at, SOON_MS);
  const second = semisync.digestAt((at + 1) as LogIndex, SOON_MS);
  const checkpoint = n2.checkpointNow();
  write(members, 0, 1, 'a');
  write(members, 0, 1, 'b');
  members.runUntil(() => allHave(members, (at + 2) as LogIndex));
  t.equal(await second, null, 'it was passed while the first one was on its way');
  for (let turn = 0; turn < 20; turn++) members.turn('n2');
  t.match(await first, { index: at });
  await checkpoint;
  t.ok(n2.checkpointIndex > at, 'the checkpoint was written afterwards');
  const now = semisync.digestAt(null, 0);
  for (let turn = 0; turn < 20; turn++) members.turn('n2');
  t.match(await now, { index: n2.appliedIndex, digest: n2.digest() });
});

t.test('a replica that stops ends what it has begun', async (t) => {
  const members = await large();
  const n3 = members.member('n3');
  const digest = members.keyspace('n3').semisync.digestAt(null, SOON_MS);
  const stopped = new KvorumError('draining');
  n3.stop(stopped, stopped);
  await n3.close();
  t.equal(await digest, null);
});
