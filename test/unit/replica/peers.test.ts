import t from 'tap';
import { replicaId, type ReplicaId } from '../../../src/base/brand.js';
import { loadTopology } from '../../../src/config/load.js';
import { votersOnly, type Membership } from '../../../src/engines/raft/membership.js';
import { admission, peersToDial, type KnownPeers } from '../../../src/replica/peers.js';

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

const fresh: KnownPeers = { topology, folders: [], memberships: [] };
const formed: KnownPeers = { topology, folders: [], memberships: [membership()] };

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

function ids(peers: readonly { readonly id: ReplicaId }[]): ReplicaId[] {
  return peers.map(({ id }) => id);
}
