import t from 'tap';
import { mismatchedKeys, parityOf } from '../../../src/report/parity.js';

const leader = { id: 'leader', write_quorum: 1, data: { a: 1, b: 'x', c: { d: [1] } } };

t.test('values are compared key by key, whatever the leader says of it', async (t) => {
  t.same(mismatchedKeys({ a: 1, b: 2, c: 3 }, { a: 1, b: 4, d: 5 }), ['b', 'c', 'd'], 'changed, missing, too many');
  t.same(mismatchedKeys({ toString: 1 }, {}), ['toString'], 'a key may be called anything');
  const { followers, inSync, keys } = parityOf({
    leader,
    followers: {
      follower1: { in_sync: true, data: { c: { d: [1] }, b: 'x', a: 1 } },
      follower2: { in_sync: true, data: { a: 1, b: 'y', c: { d: [1] } } },
      follower3: { in_sync: false, data: leader.data },
      follower4: { in_sync: null, data: leader.data },
    },
  });
  t.equal(inSync, false);
  t.equal(keys, 3);
  t.match(followers, [
    { id: 'follower1', inSync: true, comparedBy: 'values', mismatches: 0 },
    { id: 'follower2', inSync: false, mismatchedKeys: ['b'], mismatches: 1 },
    { id: 'follower3', inSync: false, mismatches: 0 },
    { id: 'follower4', inSync: true, mismatches: 0 },
  ]);
});

t.test('large keyspaces are compared by hash; a follower that cannot be asked is not in sync', async (t) => {
  const { followers, inSync } = parityOf({
    leader: { ...leader, data: null },
    followers: {
      f1: { in_sync: true, data: null },
      f2: { in_sync: null, error: 'cannot be reached' },
      f3: { in_sync: null, data: null },
    },
  });
  t.equal(inSync, false);
  t.match(followers, [
    { id: 'f1', inSync: true, comparedBy: 'hash' },
    { id: 'f2', inSync: false, error: 'cannot be reached' },
    { id: 'f3', inSync: false },
  ]);
});

t.test('a report names a hundred keys and counts all', async (t) => {
  const data = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`key:${at}`, at]));
  const { followers } = parityOf({ leader: { ...leader, data }, followers: { f1: { in_sync: false, data: {} } } });
  t.equal(followers[0]?.mismatches, 500);
  t.equal(followers[0]?.mismatchedKeys.length, 100);
});
