import * as fc from 'fast-check';
import t from 'tap';
import type { DottedOptions } from '../../../../src/kv/dotted/index.js';
import type { Operation } from '../../../../src/kv/index.js';
import { textOf } from '../support.js';
import { contents, del, LWW, put, SIBLINGS } from './support.js';
import { dump, World, type Member } from './world.js';

const KEYS = ['k', 'ka', 'l', '\u0000', '\u00ff'];

type Step =
  | { readonly do: 'write'; readonly at: number; readonly writes: readonly Write[] }
  | { readonly do: 'deliver'; readonly to: number; readonly from: number; readonly count: number }
  | { readonly do: 'sync'; readonly to: number; readonly from: number; readonly whole: boolean }
  | { readonly do: 'collect'; readonly at: number; readonly limit: number }
  | { readonly do: 'freeze' | 'thaw' | 'abandon' | 'crash'; readonly at: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** Everybody gets everything: what was written so far becomes stable. */
  | { readonly do: 'meet' };

interface Write {
  readonly kind: 'put' | 'delete' | 'expiring';
  readonly key: string;
  /** Siblings: whether the writer has read the key before. */
  readonly reads: boolean;
  readonly ttlMs: number;
}

const at = fc.nat(2);
const write: fc.Arbitrary<Write> = fc.record({
  kind: fc.constantFrom('put', 'put', 'delete', 'delete', 'expiring'),
  key: fc.constantFrom(...KEYS),
  reads: fc.boolean(),
  ttlMs: fc.nat(20),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      at,
      writes: fc.array(write, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      to: at,
      from: at,
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sync' as const), to: at, from: at, whole: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('collect' as const), at, limit: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('freeze' as const, 'thaw' as const, 'abandon' as const, 'crash' as const),
      at,
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'meet' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(15) }) },
);

function equal(found: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: expected ${right}\nfound ${left}`);
}

let written = 0;

function operationOf(world: World, member: Member, { kind, key, reads, ttlMs }: Write): Operation {
  const context = reads ? member.kv.reader.version(key)?.dots : undefined;
  const more = context === undefined ? {} : { context: [...context] };
  if (kind === 'delete') return del(key, more.context);
  return put(key, `v${written++}`, kind === 'expiring' ? { ...more, expiresAtMs: world.nowMs + ttlMs } : more);
}

function take(world: World, step: Step, isSiblings: boolean): void {
  switch (step.do) {
    case 'write': {
      const member = world.member(step.at);
      const writes = isSiblings ? step.writes : step.writes.map((one) => ({ ...one, reads: false }));
      world.write(
        step.at,
        writes.map((one) => operationOf(world, member, one)),
      );
      return;
    }
    case 'deliver':
      for (let left = step.count; left > 0; left--) world.deliver(step.to, step.from);
      return;
    case 'sync':
      world.sync(step.to, step.from, step.whole);
      return;
    case 'collect':
      world.collect(step.at, step.limit);
      return;
    case 'freeze':
      world.member(step.at).freeze();
      return;
    case 'thaw':
      world.member(step.at).thaw();
      return;
    case 'abandon':
      world.member(step.at).abandon();
      return;
    case 'crash':
      world.crash(step.at);
      return;
    case 'meet':
      world.deliverAll();
      return;
    case 'wait':
      world.nowMs += step.ms;
  }
}

/** The member shows what the rules say about what it has applied, and nothing that was deleted. */
function checkMember(world: World, { kv, name }: Member): void {
  kv.reader.nowMs = world.nowMs;
  const visible: Record<string, string> = {};
  let tombstones = 0;
  for (const key of world.keys) {
    const versions = world.expected(kv.vector, key);
    const shown = versions.filter(
      (one) => one.value !== null && !(one.expiresAtMs > 0 && one.expiresAtMs <= world.nowMs),
    );
    if (shown[0]?.value !== undefined && shown[0].value !== null) visible[key] = shown[0].value;
    tombstones += versions.filter(({ value, counter }) => value === null && counter > kv.collectedTo).length;
    const item = kv.reader.get(key);
    equal(textOf(item), shown[0]?.value ?? null, `${name}: value of ${key}`);
    equal(kv.reader.has(key), shown.length > 0, `${name}: presence of ${key}`);
    const siblings = shown.length > 1 ? shown.map(({ value }) => value) : undefined;
    equal(
      item?.siblings?.map((one) => textOf(one)),
      siblings,
      `${name}: siblings of ${key}`,
    );
    const newest = versions[0];
    if (newest !== undefined && (newest.counter > kv.collectedTo || newest === shown[0])) {
      equal(kv.reader.version(key)?.counter, newest.counter, `${name}: version of ${key}`);
    }
  }
  equal(contents(kv), visible, `${name}: contents`);
  equal(kv.tombstones.count, tombstones, `${name}: tombstones`);
}

function checkPairs(world: World): void {
  for (const [position, { kv: left }] of world.members.entries()) {
    for (const { kv: right } of world.members.slice(position + 1)) {
      if (left.collectedTo !== right.collectedTo) continue;
      const isEqual = dump(left) === dump(right);
      equal(left.root().hash === right.root().hash, isEqual, 'root() is equal exactly when the items are');
      equal(Buffer.compare(left.leaves(), right.leaves()) === 0, isEqual, 'so are the leaves');
      if (sameVector(left.vector, right.vector)) equal(left.digest(), right.digest(), 'equal at equal vectors');
    }
  }
}

function sameVector(left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>): boolean {
  return left.size === right.size && [...left].every(([from, seq]) => right.get(from) === seq);
}

function settle(world: World): void {
  world.deliverAll();
  for (const position of world.members.keys()) {
    while (!world.collect(position, 2));
    checkMember(world, world.member(position));
  }
  checkPairs(world);
  const [first] = world.members;
  for (const { kv } of world.members) {
    equal(kv.digest(), first?.kv.digest(), 'members that have everything are equal');
    equal(kv.root(), first?.kv.root(), 'and so are their range hashes');
    equal(kv.tombstones, { count: 0, bytes: 0 }, 'no tombstone is left');
  }
}

function runs(options: DottedOptions, numRuns: number): void {
  const isSiblings = options.conflicts === 'siblings';
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const world = new World(options);
      for (const each of steps) {
        take(world, each, isSiblings);
        for (const member of world.members) checkMember(world, member);
        checkPairs(world);
      }
      settle(world);
    }),
    { numRuns },
  );
}

t.test('lww: any order, checkpoints, crashes, full syncs and collecting give what the timestamps say', async (t) => {
  runs(LWW, 400);
  t.pass('for all samples');
});

t.test(
  'siblings: any causal order, checkpoints, crashes, full syncs and collecting lose nothing concurrent',
  async (t) => {
    runs(SIBLINGS, 400);
    t.pass('for all samples');
  },
);
