import t from 'tap';
import { replicaId, type ReplicaId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { loadTopology } from '../../../src/config/load.js';
import type { Topology } from '../../../src/config/topology.js';
import { votersOnly, type Membership } from '../../../src/engines/raft/membership.js';
import { ClusterGate } from '../../../src/replica/gate.js';
import type { FormationRecord, Storage } from '../../../src/storage/storage.js';
import type { FormationMessage, PeerAddress, Transport, VouchedMember } from '../../../src/transport/transport.js';

/** Who vouches for whom, seen from n3, which was formed with n1 and n2, and was away while others came. */
const [N1, N2, N3, N4] = ['n1', 'n2', 'n3', 'n4'].map(replicaId) as [ReplicaId, ReplicaId, ReplicaId, ReplicaId];
const FIRST = [N1, N2, N3];
const PREPARED = FIRST.map((id) => ({ id, folder: `${id}-1` }));
const N4_INFO: VouchedMember = { id: N4, folder: 'n4-1', peer: '127.0.0.1:44' };

function topologyOf(...engines: readonly string[]): Topology {
  const text = JSON.stringify({
    cluster: 'demo',
    replicas: FIRST.map((id, at) => ({ id, peer: `127.0.0.1:${at + 1}` })),
    keyspaces: Object.fromEntries(engines.map((engine, at) => [at === 0 ? 'default' : `k${at}`, { engine }])),
  });
  return loadTopology({ text }).topology;
}

function membership(change: Partial<Membership> = {}): Membership {
  const base = votersOnly(FIRST);
  return { ...base, members: base.members.map((info) => ({ ...info, folder: `${info.id}-1` })), ...change };
}

function withN4(): Membership {
  const { members } = membership();
  const info = { ...N4_INFO, http: null, redis: null, region: null };
  return membership({ voters: [...FIRST, N4], members: [...members, info] });
}

interface BenchOptions {
  readonly engines?: readonly string[];
  readonly folder?: string | null;
}

/** A gate between a transport and a storage that only remember. */
class GateBench {
  readonly gate: ClusterGate;
  readonly up = new Set<ReplicaId>([N1, N2]);
  readonly sent: FormationMessage[] = [];
  queueFull = false;
  dialled: readonly PeerAddress[] = [];
  latest = membership();
  committed = membership();
  /** Set where no group has a membership. */
  #memberships: readonly Membership[] | null = null;
  formed = 0;
  /** How often it asked for another look at the peers. */
  asked = 0;

  constructor(record: FormationRecord | null, { engines = ['raft'], folder = 'n3-1' }: BenchOptions = {}) {
    if (!engines.includes('raft')) this.#memberships = [];
    this.gate = new ClusterGate({
      topology: topologyOf(...engines),
      self: N3,
      storage: storageOf(record, folder),
      transport: this.#transport(),
      logger: silentLogger,
      memberships: () => this.#memberships ?? [this.committed, this.latest],
      committed: () => this.#memberships ?? [this.committed],
      onFormed: () => void this.formed++,
      onVouched: () => void this.asked++,
    });
    this.gate.onMembership();
    this.gate.start(0);
  }

  #transport(): Transport {
    return {
      start: () => Promise.resolve(),
      close: () => Promise.resolve(),
      send: () => false,
      sendFormation: (message) => {
        if (this.queueFull || !this.up.has(message.to)) return false;
        this.sent.push(message);
        return true;
      },
      setPeers: (peers) => void (this.dialled = peers),
      folderOf: (peer) => `${peer}-1`,
      isUp: (peer) => this.up.has(peer),
      queuedBytes: () => 0,
      status: () => [],
    };
  }

  /** What a peer that is formed says. */
  hear(from: ReplicaId, ...members: readonly VouchedMember[]): void {
    this.gate.onFormation({ from, to: N3, replicas: PREPARED, prepared: true, formed: true, members }, 0);
    if (this.asked > 0) this.gate.onMembership();
  }

  get dials(): readonly string[] {
    return this.dialled.map(({ id, port }) => `${id}:${port}`);
  }

  toldBy(): readonly (readonly [ReplicaId, number])[] {
    return this.sent.splice(0).map(({ to, members }) => [to, members.length] as const);
  }
}

function storageOf(record: FormationRecord | null, folder: string | null): Storage {
  return {
    folder,
    formation: record,
    recordFormation: () => undefined,
    beginWriting: () => undefined as never,
    renewIncarnation: () => undefined as never,
    log: undefined as never,
    lostWrites: undefined as never,
    checkpoint: () => undefined as never,
    onFailed: () => undefined,
    close: () => Promise.resolve(),
  };
}

const FORMED: FormationRecord = { prepared: PREPARED, formed: true, joining: false };

t.test('a replica that was away lets in, hears and dials whom a member vouches for', async (t) => {
  const bench = new GateBench(FORMED);
  t.equal(bench.gate.admits('n4', 'n4-1'), 'unknown_replica');
  bench.hear(N1, ...PREPARED.map((info) => ({ ...info, peer: null })), N4_INFO);
  t.equal(bench.gate.admits('n4', 'n4-1'), null);
  t.ok(bench.gate.hears(N4));
  t.equal(bench.gate.admits('n4', 'n4-2'), 'foreign_folder', 'its disk was wiped (raft.md M4)');
  t.strictSame(bench.dials, ['n1:1', 'n2:2', 'n4:44']);
  t.equal(bench.asked, 1);
  bench.hear(N1, ...PREPARED.map((info) => ({ ...info, peer: null })), N4_INFO);
  t.equal(bench.asked, 1, 'nothing new');
});

t.test('whoever vouches takes it back by saying something else; what was known stays', async (t) => {
  const bench = new GateBench(FORMED);
  bench.hear(N1, N4_INFO);
  bench.hear(N2, N4_INFO);
  bench.hear(N1);
  t.equal(bench.gate.admits('n4', 'n4-1'), null, 'n2 vouches still');
  bench.hear(N2);
  t.equal(bench.gate.admits('n4', 'n4-1'), 'unknown_replica');
  t.strictSame(bench.dials, ['n1:1', 'n2:2']);
  bench.latest = bench.committed = withN4();
  t.equal(bench.gate.admits('n4', 'n4-1'), null, 'its log has brought it meanwhile');
});

t.test('a removal holds, whoever vouches; and the word of the removed is forgotten (raft.md M3, M5)', async (t) => {
  const bench = new GateBench(FORMED);
  bench.hear(N1, N4_INFO);
  bench.latest = bench.committed = membership({ removed: [N4] });
  bench.gate.onMembership();
  t.equal(bench.gate.admits('n4', 'n4-1'), 'removed_replica');
  t.strictSame(bench.dials, ['n1:1', 'n2:2']);
  const { members } = membership();
  const other = new GateBench(FORMED);
  other.hear(N1, N4_INFO);
  other.latest = other.committed = membership({ voters: [N2, N3], members: members.slice(1), removed: [N1] });
  other.gate.onMembership();
  t.equal(other.gate.admits('n4', 'n4-1'), 'unknown_replica');
  t.strictSame(other.dials, ['n2:2']);
});

t.test('nobody is vouched for before the cluster is formed, and nobody vouches then (raft.md M4)', async (t) => {
  const bench = new GateBench(null);
  const word = { from: N1, to: N3, replicas: PREPARED, prepared: true, formed: false, members: [N4_INFO] };
  bench.gate.onFormation(word, 0);
  t.notOk(bench.gate.open);
  t.equal(bench.gate.admits('n4', 'n4-1'), 'unknown_replica');
  t.strictSame(bench.dials, ['n1:1', 'n2:2']);
  bench.committed = withN4();
  bench.gate.onMembership();
  bench.gate.onPeerUp(N2);
  t.ok(bench.sent.length > 0 && bench.sent.every(({ members }) => members.length === 0));
  const late = new GateBench({ prepared: PREPARED, formed: false, joining: false });
  late.hear(N1, N4_INFO);
  t.ok(late.gate.open, 'the word that forms it');
  t.equal(late.gate.admits('n4', 'n4-1'), null, 'vouches as well');
});

t.test('a replica that joins takes the word of those that it knows', async (t) => {
  const bench = new GateBench({ prepared: [], formed: false, joining: true });
  bench.hear(N1, N4_INFO);
  t.equal(bench.gate.admits('n4', 'n4-1'), null);
  t.ok(bench.gate.hears(N4));
});

t.test('peers are told on every link, and when the committed membership changes', async (t) => {
  const bench = new GateBench(FORMED);
  bench.sent.length = 0;
  bench.gate.onPeerUp(N1);
  t.strictSame(bench.toldBy(), [[N1, 3]]);
  bench.latest = withN4();
  bench.gate.onMembership();
  t.strictSame(bench.toldBy(), [], 'not what may be undone (raft.md M2)');
  bench.committed = withN4();
  bench.gate.onMembership();
  t.strictSame(bench.toldBy(), [
    [N1, 4],
    [N2, 4],
  ]);
  bench.gate.onMembership();
  bench.gate.onTick(1000);
  t.strictSame(bench.toldBy(), [], 'once');
  bench.queueFull = true;
  bench.latest = bench.committed = membership({ removed: [N4] });
  bench.gate.onMembership();
  bench.gate.onTick(2000);
  bench.up.delete(N2);
  bench.queueFull = false;
  bench.gate.onTick(3000);
  bench.up.add(N2);
  bench.gate.onTick(4000);
  t.strictSame(bench.toldBy(), [[N1, 3]], 'again where the queue was full; n2 is told when its link is up');
});

t.test('where no keyspace votes, any replica serves alone, and a wiped disk is let in (ap.md §1.0.1)', async (t) => {
  const bench = new GateBench(null, { engines: ['lww', 'causal'] });
  t.ok(bench.gate.open, 'nothing is to be agreed');
  t.equal(bench.gate.unformed, null);
  t.equal(bench.formed, 0);
  t.match(bench.gate.checks(), [
    { name: 'formation', ok: true, detail: /no keyspace votes/ },
    { name: 'admission', ok: true },
  ]);
  t.strictSame(bench.dials, ['n1:1', 'n2:2'], 'the members are those of the topology');
  t.equal(bench.gate.admits('n1', 'n1-1'), null);
  t.ok(bench.gate.hears(N1));
  t.equal(bench.gate.admits('n1', 'n1-2'), null, 'it is another origin now');
  t.equal(bench.gate.admits('n1', null), null);
  t.ok(bench.gate.hears(N1));
  t.equal(bench.gate.admits('n9', 'n9-1'), 'unknown_replica', 'not whoever comes along');
  bench.gate.onPeerUp(N1);
  bench.gate.onTick(1000);
  t.strictSame(bench.toldBy(), [], 'nothing is to be told');
  bench.hear(N1, N4_INFO);
  t.equal(
    bench.gate.admits('n4', 'n4-1'),
    'unknown_replica',
    'nor vouched for: there is no membership to be a member of',
  );
});

t.test('one keyspace that votes shuts the gate for all of them until the cluster is formed', async (t) => {
  const bench = new GateBench(null, { engines: ['lww', 'raft'] });
  t.notOk(bench.gate.open);
  t.notOk(bench.gate.hears(N1));
  bench.hear(N1);
  t.notOk(bench.gate.open, 'formed without this folder: it was wiped');
  const formed = new GateBench(FORMED, { engines: ['lww', 'raft'] });
  t.ok(formed.gate.open);
  t.equal(
    formed.gate.admits('n1', 'n1-2'),
    'foreign_folder',
    'a vote that was forgotten could be given twice (raft.md M4)',
  );
  t.ok(new GateBench(null, { engines: ['lww', 'raft'], folder: null }).gate.open, 'unless nothing is kept');
});
