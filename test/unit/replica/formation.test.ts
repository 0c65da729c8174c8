import t from 'tap';
import { assertDefined } from '../../../src/base/assert.js';
import { replicaId, type ReplicaId } from '../../../src/base/brand.js';
import { createPrng } from '../../../src/base/prng.js';
import { Formation, type FormationWord } from '../../../src/replica/formation.js';
import type { FormationRecord, FormingFolder } from '../../../src/storage/storage.js';

const [N1, N2, N3, N4] = ['n1', 'n2', 'n3', 'n4'].map(replicaId) as [ReplicaId, ReplicaId, ReplicaId, ReplicaId];
const FIRST = [N1, N2, N3];
const LIST: readonly FormingFolder[] = FIRST.map((id) => ({ id, folder: `${id}-1` }));

interface Options {
  readonly first?: readonly ReplicaId[];
  readonly folder?: string;
  readonly joining?: boolean;
  readonly record?: FormationRecord | null;
}

function formation(self: ReplicaId, options: Options = {}): Formation {
  const { first = FIRST, folder = `${self}-1`, joining = false, record = null } = options;
  return new Formation({ self, folder, first, joining, record });
}

function record(list: readonly FormingFolder[], formed: boolean): FormationRecord {
  return { prepared: list, formed, joining: false };
}

/** Makes durable what there is to be; returns how often. */
function settle(one: Formation): number {
  let times = 0;
  for (let next = one.next(); next !== null; next = one.next(), times++) one.onRecorded(next);
  return times;
}

function exchange(...all: readonly Formation[]): void {
  const ids = all.map((one) => one.tell(N1).from);
  for (const one of all)
    for (const [at, other] of all.entries()) if (other !== one) other.onMessage(one.tell(ids[at] as ReplicaId));
}

t.test('three replicas form in two phases, and not before all have said so', async (t) => {
  const [a, b, c] = [formation(N1), formation(N2), formation(N3)];
  t.equal(settle(a), 0, 'alone nothing happens');
  t.strictSame(a.missing, [N2, N3]);
  exchange(a, b);
  t.equal(settle(a), 0, 'a majority is not enough');
  t.strictSame(a.missing, [N3]);
  exchange(a, b, c);
  t.equal(settle(a), 1, 'phase 1: every folder is known');
  t.strictSame(a.tell(N2), { from: N1, to: N2, replicas: LIST, prepared: true, formed: false });
  t.notOk(a.done);
  t.equal(settle(b), 1);
  exchange(a, b, c);
  t.equal(settle(a), 0, 'the third has not made it durable');
  t.strictSame(a.missing, [N3]);
  t.equal(settle(c), 2, 'which knows that all others have: phase 2');
  t.ok(c.done);
  a.onMessage(c.tell(N1));
  t.equal(settle(a), 1);
  t.ok(a.done);
  t.strictSame(a.prepared, LIST);
  t.equal(a.trouble, null);
});

t.test('nothing is said before it is durable', async (t) => {
  const [a, b, c] = [formation(N1), formation(N2), formation(N3)];
  exchange(a, b, c);
  t.match(a.next(), { prepared: LIST });
  t.match(a.tell(N2), { prepared: false }, 'the disk has not confirmed it');
});

t.test('one replica on its own, and one that joins', async (t) => {
  const alone = formation(N1, { first: [N1] });
  t.strictSame(alone.next(), record([{ id: N1, folder: 'n1-1' }], true), 'at once, with one write');
  const joins = formation(N4, { joining: true });
  t.equal(settle(joins), 1);
  t.ok(joins.done && joins.joined);
  t.strictSame(joins.prepared, []);
});

t.test('folders from before there was a formation are formed, and tell their names to each other', async (t) => {
  const [old, other] = [formation(N1, { record: record([], true) }), formation(N2, { record: record([], true) })];
  t.ok(old.done);
  t.equal(settle(old), 1, 'the list is written down, so that a later topology does not change it');
  const unknown = LIST.map(({ id, folder }) => ({ id, folder: id === N1 ? folder : null }));
  t.strictSame(old.prepared, unknown);
  t.ok(old.meets(N2, 'anything'));
  t.notOk(old.hears(N2, 'n2-1'), 'nothing counts that comes from a disk that may be another');
  t.ok(old.hears(N2, null), 'an older version cannot say');
  settle(other);
  old.onMessage(other.tell(N1));
  t.equal(settle(old), 1, 'its name is known from now on, and durable');
  t.ok(old.hears(N2, 'n2-1'));
  t.notOk(old.meets(N2, 'n2-2'));
  for (const wiped of [formation(N3, { folder: 'n3-2' }), formation(N3, { folder: 'n3-2', joining: true })]) {
    settle(wiped);
    old.onMessage(wiped.tell(N1));
    t.equal(settle(old), 0);
    t.notOk(old.hears(N3, 'n3-2'), 'a wiped disk cannot say that it is formed, whatever its topology says');
    wiped.onMessage(old.tell(N3));
    t.match(wiped.trouble, /n1 has formed the cluster with .*n3.* wiped/);
  }
});

t.test('folders that a member has refused never form a cluster of their own (raft.md M4)', async (t) => {
  // All first replicas were wiped and replaced, one after the other, and their processes still run.
  const wiped = FIRST.map((id) => formation(id, { folder: `${id}-2` }));
  const [first] = wiped;
  first?.onRefused('n2 knows n1 by another data folder');
  t.equal(settle(assertDefined(first, 'n1')), 1, 'and remembers it');
  exchange(...wiped);
  for (const each of wiped) settle(each);
  exchange(...wiped);
  for (const each of wiped) t.notOk(each.done);
  t.match(first?.trouble, /n2 knows n1 by another data folder.*member remove/);
  const refused = 'n2 knows n1 by another data folder';
  const again = formation(N1, { folder: 'n1-2', record: { ...record([], false), refused } });
  exchange(again, ...wiped.slice(1));
  t.equal(settle(again), 0);
  t.notOk(again.done, 'nor after a restart');
});

t.test('a wiped disk is told by the formed replicas that it is one (raft.md M4)', async (t) => {
  const wiped = formation(N1, { folder: 'n1-2' });
  const [b, c] = [formation(N2, { record: record(LIST, true) }), formation(N3, { record: record(LIST, true) })];
  exchange(wiped, b, c);
  t.equal(settle(wiped), 0);
  t.match(wiped.trouble, /n2 has formed the cluster with another data folder of n1: its disk was wiped.*member remove/);
});

t.test(
  'the hole that formation closes: a wiped replica and one that never ran cannot form without the third',
  async (t) => {
    // n1 and n2 served writes; n3 never ran, n1 is wiped, n2 is down: two fresh replicas of three meet.
    const [wiped, fresh] = [formation(N1, { folder: 'n1-2' }), formation(N3)];
    for (let round = 0; round < 5; round++) {
      exchange(wiped, fresh);
      t.equal(settle(wiped) + settle(fresh), 0);
    }
    t.strictSame(fresh.missing, [N2]);
    const formed = formation(N2, { record: record([], true) });
    settle(formed); // As an upgraded folder, which admits everybody.
    exchange(wiped, fresh, formed);
    t.equal(settle(wiped) + settle(fresh), 0);
    t.match(wiped.trouble, /another data folder of n1/);
  },
);

t.test('a disk that is wiped during formation stops it, and both sides say so', async (t) => {
  const prepared = formation(N2, { record: record(LIST, false) });
  const wiped = formation(N1, { folder: 'n1-2' });
  const third = formation(N3);
  t.notOk(prepared.meets(N1, 'n1-2'));
  t.match(prepared.trouble, /n1 came with another data folder.*has never served/);
  exchange(wiped, prepared, third);
  t.equal(settle(wiped) + settle(prepared) + settle(third), 0, 'a prepared list is never changed');
  t.match(wiped.trouble, /n2 has prepared to form the cluster with another data folder of n1/);
  t.match(third.trouble, /n2 has prepared to form the cluster with another data folder of n1/);
  t.ok(prepared.meets(N1, 'n1-1'), 'the old disk is back');
});

t.test('before anything is prepared a wiped disk does no harm', async (t) => {
  const [a, b, c] = [formation(N1), formation(N2), formation(N3)];
  exchange(a, b);
  b.onPeerDown(N1);
  t.strictSame(b.missing, [N1, N3], 'whoever has gone is not counted on');
  const wiped = formation(N1, { folder: 'n1-2' });
  for (let round = 0; round < 3; round++) {
    exchange(wiped, b, c);
    for (const one of [wiped, b, c]) settle(one);
  }
  t.ok(wiped.done && b.done && c.done);
});

t.test('topologies that differ do not form, and say how (reliability.md §2.4)', async (t) => {
  const [a, b] = [formation(N1), formation(N2, { first: [N1, N2] })];
  exchange(a, b, formation(N3));
  t.equal(settle(a) + settle(b), 0);
  t.match(a.trouble, /topologies differ: n2 is to form the cluster of n1, n2, n1 of n1, n2, n3/);
  t.match(b.trouble, /topologies differ/);
});

t.test('a replica that was forgotten is told how to join', async (t) => {
  const late = formation(N4, { first: [...FIRST, N4] });
  late.onMessage(formation(N2, { record: record(LIST, true) }).tell(N4));
  t.equal(settle(late), 0);
  t.match(late.trouble, /n4 is not among them.*joining: true.*member add/);
});

t.test('an older copy of a data folder does not take part', async (t) => {
  const copy = formation(N1);
  for (const other of [N2, N3]) copy.onMessage(formation(other, { record: record(LIST, true) }).tell(N1));
  t.equal(settle(copy), 0, 'though the list names its folder');
  t.match(copy.trouble, /n2 has formed the cluster with this data folder of n1.*an older copy of it/);
});

/** A data folder's whole history, and the replica that runs on it. */
interface Node {
  folder: string;
  record: FormationRecord | null;
  running: Formation;
}

interface World {
  readonly nodes: Map<ReplicaId, Node>;
  readonly wire: FormationWord[];
  /** By folder: what was ever durable there. */
  readonly prepared: Map<string, string>;
  readonly formed: { readonly folder: string; readonly list: readonly FormingFolder[] }[];
  wipes: number;
}

function start(world: World, id: ReplicaId): void {
  const node = world.nodes.get(id) as Node;
  node.running = formation(id, { folder: node.folder, record: node.record });
}

/** A crash may come before the disk has it, or after, but before anybody else could know. */
function persist(world: World, id: ReplicaId, crash: 'before' | 'after' | null): void {
  const node = world.nodes.get(id) as Node;
  const next = node.running.next();
  if (next === null) return;
  if (crash !== 'before') {
    const list = JSON.stringify(next.prepared);
    const earlier = world.prepared.get(node.folder);
    if (earlier !== undefined && earlier !== list) throw new Error(`${node.folder} prepared twice`);
    world.prepared.set(node.folder, list);
    if (next.formed) world.formed.push({ folder: node.folder, list: next.prepared });
    node.record = next;
  }
  if (crash === null) node.running.onRecorded(next);
  else start(world, id);
}

function checkWorld({ formed, prepared }: World): void {
  for (const { list } of formed) {
    for (const { folder } of list) {
      // Never formed with a folder that did not durably prepare the same list.
      if (prepared.get(folder ?? '') !== JSON.stringify(list)) throw new Error(`${folder} had no part in it`);
    }
    for (const other of formed) {
      const same = JSON.stringify(other.list) === JSON.stringify(list);
      const apart = list.every(({ folder }) => !other.list.some((there) => there.folder === folder));
      // Never two clusters that differ, unless every single disk was wiped between them.
      if (!same && !apart) throw new Error('two clusters share a folder');
    }
  }
}

t.test('random: crashes, losses, copies, delays and wiped disks at any point (raft.md M4)', async (t) => {
  let formedRuns = 0;
  let blockedRuns = 0;
  for (let seed = 1; seed <= 3000; seed++) {
    const prng = createPrng(seed);
    const world: World = { nodes: new Map(), wire: [], prepared: new Map(), formed: [], wipes: 0 };
    const wipesMax = prng.between(0, 3);
    for (const id of FIRST) {
      world.nodes.set(id, { folder: `${id}-1`, record: null, running: formation(id) });
    }
    const any = (): ReplicaId => FIRST[prng.between(0, 2)] as ReplicaId;
    for (let step = 0; step < 120; step++) {
      const id = any();
      const node = world.nodes.get(id) as Node;
      const choice = prng.between(0, 99);
      if (choice < 40) world.wire.push(node.running.tell(any()));
      else if (choice < 75) {
        const message = world.wire[prng.between(0, world.wire.length - 1)];
        if (message !== undefined && message.from !== message.to)
          world.nodes.get(message.to)?.running.onMessage(message);
      } else if (choice < 88) persist(world, id, null);
      else if (choice < 92) persist(world, id, prng.between(0, 1) === 0 ? 'before' : 'after');
      else if (choice < 95) start(world, id);
      else if (choice < 97) node.running.onPeerDown(any());
      else if (world.wipes < wipesMax) {
        world.wipes++;
        node.folder = `${id}-${world.wipes + 1}`;
        node.record = null;
        start(world, id);
      }
      checkWorld(world);
    }
    // A quiet end: everybody speaks, everything arrives.
    for (let round = 0; round < 4; round++) {
      exchange(...[...world.nodes.values()].map(({ running }) => running));
      for (const id of FIRST) for (let at = 0; at < 3; at++) persist(world, id, null);
    }
    checkWorld(world);
    const running = [...world.nodes.values()].map((node) => node.running);
    if (world.wipes === 0) t.ok(running.every(({ done }) => done) || t.fail(`seed ${seed}: not formed`));
    if (running.every(({ done }) => done)) formedRuns++;
    for (const one of running) {
      if (one.done) continue;
      blockedRuns++;
      if (one.trouble === null) t.fail(`seed ${seed}: blocked without a word`);
    }
  }
  t.ok(formedRuns > 500 && blockedRuns > 200, `${formedRuns} runs formed, ${blockedRuns} replicas blocked`);
});
