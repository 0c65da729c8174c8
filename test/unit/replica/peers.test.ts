import t from 'tap';
import { replicaId, type ReplicaId } from '../../../src/base/brand.js';
import { loadTopology } from '../../../src/config/load.js';
import { votersOnly, type Membership } from '../../../src/engines/raft/membership.js';
import { admission, peersToDial, type KnownPeers } from '../../../src/replica/peers.js';
import { vouchedMembers, Vouches, type Vouch } from '../../../src/replica/vouching.js';

const [N1, N2, N3, N4, N5] = ['n1', 'n2', 'n3', 'n4', 'n5'].map(replicaId) as [
  ReplicaId,
  ReplicaId,
  ReplicaId,
  ReplicaId,
  ReplicaId,
];

const { topology } = loadTopology({
  text: JSON.stringify({
    cluster: 'demo',
    replicas: [N1, N2, N3].map((id, at) => ({ id, peer: `127.0.0.1:${at + 1}` })),
    keyspaces: { default: {} },
  }),
});

function membership(change: Partial<Membership> = {}): Membership {
  const base = votersOnly([N1, N2, N3]);
  return { ...base, members: base.members.map((info) => ({ ...info, folder: `${info.id}-1` })), ...change };
}

function info(id: ReplicaId, peer: string | null, folder: string | null = null): Membership['members'][number] {
  return { id, folder, peer, http: null, redis: null, region: null };
}

const fresh: KnownPeers = { topology, folders: [], memberships: [], vouches: [] };
const formed: KnownPeers = { ...fresh, memberships: [membership()] };

t.test('before anything is known, whoever the topology lists is let in', async (t) => {
  t.equal(admission('n2', 'any', fresh), null);
  t.equal(admission('n2', null, fresh), null);
  t.equal(admission('n9', 'any', fresh), 'unknown_replica');
});

t.test('a known id with another folder has lost its disk (raft.md M4)', async (t) => {
  t.equal(admission('n2', 'n2-1', formed), null);
  t.equal(admission('n2', 'n2-2', formed), 'foreign_folder');
  t.equal(admission('n2', null, formed), 'foreign_folder', 'also one that keeps nothing');
  const byIdentity = { ...fresh, folders: [{ id: N2, folder: 'n2-1' }] };
  t.equal(admission('n2', 'n2-1', byIdentity), null);
  t.equal(admission('n2', 'n2-2', byIdentity), 'foreign_folder');
  const unknownFolder = { ...fresh, folders: [{ id: N2, folder: null }], memberships: [votersOnly([N1, N2, N3])] };
  t.equal(admission('n2', 'any', unknownFolder), null, 'formed before folders had names');
});

t.test('a removed id is refused as soon as no group counts it any more (raft.md M5)', async (t) => {
  const { members } = membership();
  const without = membership({ voters: [N1, N2], removed: [N3], members: members.slice(0, 2) });
  const joint = membership({ voters: [N1, N2], outgoing: [N1, N2, N3], removed: [N3] });
  t.equal(admission('n3', 'n3-1', { ...formed, memberships: [without] }), 'removed_replica');
  t.equal(admission('n3', 'n3-2', { ...formed, memberships: [without] }), 'removed_replica');
  t.equal(admission('n3', 'n3-1', { ...formed, memberships: [joint] }), null, 'not while it still votes');
  t.equal(admission('n3', 'n3-1', { ...formed, memberships: [membership(), without] }), null, 'not committed yet');
  t.strictSame(ids(peersToDial(N1, { ...formed, memberships: [without] })), [N2]);
  t.strictSame(ids(peersToDial(N1, { ...formed, memberships: [joint] })), [N2, N3]);
});

t.test('members that came later are known by id, and dialled where they were added', async (t) => {
  const { members } = membership();
  const added = membership({
    voters: [N1, N2, N4],
    learners: [N5],
    members: [...members.slice(0, 2), info(N4, '127.0.0.1:44', 'n4-1'), info(N5, null)],
    removed: [N3],
  });
  const known = { ...formed, memberships: [added] };
  t.equal(admission('n4', 'n4-1', known), null);
  t.equal(admission('n4', 'n4-2', known), 'foreign_folder');
  t.equal(admission('n5', 'any', known), null, 'a learner is bound to its folder when it gets a vote');
  t.strictSame(peersToDial(N1, known), [
    { id: N2, host: '127.0.0.1', port: 2 },
    { id: N4, host: '127.0.0.1', port: 44 },
  ]);
  t.strictSame(ids(peersToDial(N4, known)), [N1, N2], 'never oneself');
  const moved = membership({ members: [info(N2, '127.0.0.1:99', 'n2-1')] });
  t.match(peersToDial(N1, { ...formed, memberships: [moved] })[0], { id: N2, port: 2 }, 'the topology knows better');
});

function vouch(by: ReplicaId, ...members: readonly (readonly [ReplicaId, string | null, string | null])[]): Vouch {
  return { by, members: members.map(([id, folder, peer]) => ({ id, folder, peer })) };
}

t.test('an id that nothing is known of is let in as a member vouches for it, and dialled there', async (t) => {
  const known = { ...formed, vouches: [vouch(N1, [N4, 'n4-1', '10.0.0.4:7101'], [N5, null, null])] };
  t.equal(admission('n4', 'n4-1', known), null);
  t.equal(admission('n4', 'n4-2', known), 'foreign_folder', 'its disk was wiped (raft.md M4)');
  t.equal(admission('n4', null, known), 'foreign_folder');
  t.equal(admission('n5', 'any', known), null, 'a learner, bound to no folder yet');
  t.equal(admission('n6', 'any', known), 'unknown_replica');
  t.strictSame(peersToDial(N3, known), [
    { id: N1, host: '127.0.0.1', port: 1 },
    { id: N2, host: '127.0.0.1', port: 2 },
    { id: N4, host: '10.0.0.4', port: 7101 },
  ]);
  const twice = {
    ...formed,
    vouches: [vouch(N1, [N4, null, 'a:1']), vouch(N2, [N4, 'n4-1', 'b:2'], [N3, 'x', 'c:3'])],
  };
  t.equal(admission('n4', 'n4-1', twice), null);
  t.equal(admission('n4', 'other', twice), 'foreign_folder', 'one of them knows the folder');
  t.match(peersToDial(N3, twice)[2], { id: N4, host: 'b', port: 2 }, 'the newest word tells the address');
  t.same(peersToDial(N3, { ...formed, vouches: [vouch(N1, [N4, null, 'nonsense'])] }).length, 2);
});

t.test('nobody is vouched for against what is known: a folder, an address, a removal (raft.md M4, M5)', async (t) => {
  const word = vouch(N1, [N2, 'n2-2', 'x:1'], [N3, null, 'x:1'], [N4, 'n4-2', 'x:1'], [N5, null, 'x:1']);
  const { members } = membership();
  const now = membership({
    voters: [N1, N2, N4],
    members: [...members.slice(0, 2), info(N4, 'y:2', 'n4-1')],
    removed: [N3, N5],
  });
  const known = { ...formed, memberships: [now], vouches: [word] };
  t.equal(admission('n2', 'n2-2', known), 'foreign_folder');
  t.equal(admission('n2', 'n2-1', known), null);
  t.equal(admission('n3', 'n3-1', known), 'removed_replica', 'although the topology lists it');
  t.equal(admission('n4', 'n4-2', known), 'foreign_folder');
  t.equal(admission('n4', 'n4-1', known), null);
  t.equal(admission('n5', 'any', known), 'removed_replica');
  t.strictSame(
    peersToDial(N1, known).map(({ host, port }) => `${host}:${port}`),
    ['127.0.0.1:2', 'y:2'],
  );
  const listed = { ...fresh, vouches: [vouch(N1, [N2, 'n2-2', 'x:1'])] };
  t.equal(admission('n2', 'n2-1', listed), null, 'the topology lists it: its folder is bound by the memberships alone');
  const seen = { ...formed, folders: [{ id: N4, folder: 'n4-1' }], vouches: [vouch(N1, [N4, 'n4-2', null])] };
  t.equal(admission('n4', 'n4-2', seen), 'foreign_folder', 'it came with another disk before');
});

t.test('only those vouch that the replica knows itself (raft.md M5)', async (t) => {
  const circle = [vouch(N4, [N5, null, 'x:5'], [N4, null, 'x:4']), vouch(N5, [N4, null, 'x:4'])];
  const known = { ...formed, vouches: circle };
  t.equal(admission('n4', 'any', known), 'unknown_replica', 'not for themselves, and not for each other');
  t.equal(admission('n5', 'any', known), 'unknown_replica');
  t.equal(peersToDial(N1, known).length, 2);
  const chain = { ...formed, vouches: [vouch(N4, [N5, null, 'x:5']), vouch(N2, [N4, null, 'x:4'])] };
  t.equal(admission('n4', 'any', chain), null);
  t.equal(admission('n5', 'any', chain), 'unknown_replica', 'nor those that are vouched for');
  const { members } = membership();
  const without = membership({ voters: [N1, N3], members: [members[0] ?? info(N1, null)], removed: [N2] });
  t.equal(admission('n4', 'any', { ...chain, memberships: [without] }), 'unknown_replica', 'n2 was removed since');
});

t.test('a replica vouches for the members of all its groups, where it would dial them', async (t) => {
  const one = membership({
    voters: [N1, N4],
    outgoing: [N1, N2],
    learners: [N5],
    removed: [N3],
    members: [info(N1, null, 'n1-1'), info(N2, null, 'n2-1'), info(N4, 'd:4', 'n4-1'), info(N5, 'nonsense')],
  });
  const list = [
    { id: N1, folder: 'n1-1', peer: '127.0.0.1:1' },
    { id: N4, folder: 'n4-1', peer: 'd:4' },
    { id: N2, folder: 'n2-1', peer: '127.0.0.1:2' },
  ];
  t.strictSame(vouchedMembers([one], topology), [...list, { id: N5, folder: null, peer: null }]);
  const other = membership({ voters: [N1], learners: [N5], members: [info(N5, 'e:5', 'n5-1'), info(N1, null)] });
  t.strictSame(vouchedMembers([one, other], topology), [...list, { id: N5, folder: 'n5-1', peer: 'e:5' }]);
  const many = Array.from({ length: 70 }, (_, at) => replicaId(`m${at}`));
  const told = vouchedMembers([{ ...votersOnly([N1]), learners: many }, votersOnly([N1, N2])], topology);
  t.same(told.length, 64, 'as many as one message holds');
  t.strictSame(ids(told.slice(0, 2)), [N1, N2], 'voters first');
  t.strictSame(vouchedMembers([], topology), []);
});

t.test('the last word of each counts', async (t) => {
  const vouches = new Vouches();
  t.notOk(vouches.hear(vouch(N1)), 'nothing is nothing new');
  t.ok(vouches.hear(vouch(N1, [N4, 'n4-1', 'x:4'], [N5, null, null])));
  t.notOk(vouches.hear(vouch(N1, [N4, 'n4-1', 'x:4'], [N5, null, null])));
  t.ok(vouches.hear(vouch(N2, [N4, 'n4-1', 'x:4'])));
  t.ok(vouches.hear(vouch(N1, [N4, 'n4-1', 'y:4'])));
  t.strictSame(vouches.list, [vouch(N2, [N4, 'n4-1', 'x:4']), vouch(N1, [N4, 'n4-1', 'y:4'])], 'the newest last');
  vouches.forget((by) => by === N1);
  t.ok(vouches.hear(vouch(N2)));
  t.strictSame(vouches.list, []);
});

function ids(peers: readonly { readonly id: ReplicaId }[]): ReplicaId[] {
  return peers.map(({ id }) => id);
}
