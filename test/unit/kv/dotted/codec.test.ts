import * as fc from 'fast-check';
import t from 'tap';
import { KvorumError } from '../../../../src/base/errors/error.js';
import { DottedKv, LEAF_BYTES, LEAVES } from '../../../../src/kv/dotted/index.js';
import { markKey, parseMark } from '../../../../src/kv/dotted/records.js';
import { MapBase } from '../support.js';
import { contents, del, fresh, fullSync, LWW, put, SIBLINGS, valueOf, Writer } from './support.js';

function sample(options = LWW): DottedKv {
  const kv = fresh(options);
  const [a, b] = [new Writer('a', kv), new Writer('b', kv)];
  a.write(put('k', 'value'), put('l', ''), del('m'), put('x', 'soon', { expiresAtMs: 2 ** 41 }));
  b.write(put('k', 'other'), put('\u00ff', 'z'.repeat(300)));
  return kv;
}

function pieceOf(kv: DottedKv): Uint8Array {
  const piece = kv.openItems(new Map()).next(1_000_000);
  if (piece === null) throw new Error('a state with items gives a piece');
  return piece;
}

/** Runs `use`; true when it was refused properly. */
function isRefused(use: () => void): boolean {
  try {
    use();
    return false;
  } catch (error) {
    if (error instanceof KvorumError && error.code === 'checkpoint_corrupt') return true;
    throw error;
  }
}

const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });

function damaged(bytes: Uint8Array, changes: readonly (readonly [number, number])[], cut: number): Uint8Array {
  const copy = bytes.slice(0, bytes.length - (cut % bytes.length));
  for (const [at, byte] of changes) copy[at % copy.length] = byte;
  return copy;
}

t.test('damaged items of another member are refused or harmless, never a crash', async (t) => {
  let refused = 0;
  for (const options of [LWW, SIBLINGS]) {
    const piece = pieceOf(sample(options));
    fc.assert(
      fc.property(edits, fc.oneof(fc.constant(0), fc.nat()), (changes, cut) => {
        const bytes = damaged(piece, changes, cut);
        const kv = fresh(options);
        const shadow = kv.openShadow();
        if (isRefused(() => shadow.add(bytes))) {
          refused++;
          return;
        }
        shadow.finish({ vector: new Map(), boots: new Map(), counter: 1, collectedTo: 0 });
        contents(kv);
        kv.digest();
        const frozen = kv.freeze();
        const base = new MapBase();
        base.write(frozen.changes());
        if (DottedKv.open(base, frozen.meta, options).digest() !== kv.digest()) throw new Error('not what was taken');
      }),
      { numRuns: 1500 },
    );
  }
  t.ok(refused > 500, `${refused} of 3000`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (raw) => {
      isRefused(() => fresh().openShadow().add(raw));
      isRefused(() => fresh().mergeItems(raw));
    }),
  );
});

t.test('a damaged meta is refused or harmless, never a crash', async (t) => {
  const { meta } = sample().freeze();
  const head = meta.length - LEAVES * LEAF_BYTES;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(head - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = Uint8Array.from(meta);
      for (const [at, byte] of changes) bytes[at] = byte;
      try {
        DottedKv.open(new MapBase(), bytes, LWW);
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        refused++;
      }
    }),
  );
  t.ok(refused > 10);
  for (const length of [0, 1, head, meta.length - 1]) {
    t.ok(isRefused(() => DottedKv.open(new MapBase(), meta.subarray(0, length), LWW)));
  }
  t.ok(isRefused(() => DottedKv.open(new MapBase(), Uint8Array.from([...meta, 0]), LWW)));
});

t.test('a damaged record is refused when it is read', async (t) => {
  const kv = sample();
  const base = new MapBase();
  const frozen = kv.freeze();
  base.write(frozen.changes());
  base.records.set('ik', Uint8Array.of(1, 0, 9, 1, 1, 1, 0));
  const opened = DottedKv.open(base, frozen.meta, LWW);
  t.throws(() => opened.reader.get('k'), { code: 'checkpoint_corrupt' }, 'an origin that nobody has');
  base.records.set('ik', Uint8Array.of(...(base.records.get('il') ?? []), 0));
  t.throws(() => opened.reader.get('k'), { code: 'checkpoint_corrupt' }, 'bytes behind it');
});

t.test('marks are ordered by their numbers', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.constantFrom('', 'k', '\u00ff'), (x, y, key) => {
      const parsed = parseMark(markKey(x, key));
      if (parsed.number !== x || parsed.key !== key) throw new Error('not the same');
      if (x !== y && markKey(x, key) < markKey(y, '') !== x < y) throw new Error('not in order');
    }),
  );
  t.pass('for all samples');
});

t.test('a scrub finds the leaves that differ, and repairs what is behind (ap.md §1.0.7)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const a = new Writer('a', left);
  for (let at = 0; at < 50; at++) a.write(put(`k${at}`, 'v'));
  fullSync(left, right);
  a.write(put('k7', 'newer'), put('lost', 'v'), del('k8'));
  const { vector, boots, counter, collectedTo } = left.openItems(new Map());
  // A bug: the right one claims to have the last batch.
  right.openShadow().finish({ vector, boots, counter, collectedTo });
  t.not(left.root().hash, right.root().hash);
  const [mine, theirs] = [left.leaves(), right.leaves()];
  const differing = Array.from({ length: LEAVES }, (_, leaf) => leaf).filter((leaf) => {
    const [start, end] = [leaf * LEAF_BYTES, (leaf + 1) * LEAF_BYTES];
    return Buffer.compare(mine.subarray(start, end), theirs.subarray(start, end)) !== 0;
  });
  t.ok(differing.length >= 3 && differing.length <= 5);
  t.equal(left.mergeItems(right.itemsOfLeaves(differing)), 0, 'the left one has the newer');
  t.equal(right.mergeItems(left.itemsOfLeaves(differing)), 3);
  t.equal(valueOf(right, 'k7'), 'newer');
  t.same(left.root(), right.root());
  t.equal(left.digest(), right.digest());
});

t.test('a scrub brings nothing back that was deleted and collected (ap.md §1.0.7)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const a = new Writer('a', left);
  right.apply(a.write(put('k', 'v')), null);
  const deleted = a.write(del('k'));
  left.collect(2, 0, 10);
  const all = Array.from({ length: LEAVES }, (_, leaf) => leaf);
  t.equal(left.mergeItems(right.itemsOfLeaves(all)), 0);
  right.apply(deleted, null);
  t.equal(left.mergeItems(right.itemsOfLeaves(all)), 0, 'nor the tombstone');
  t.same(contents(left), {});
});

t.test('members that collect at different times have equal range hashes (ap.md §1.0.7)', async (t) => {
  const [left, right] = [fresh(), fresh()];
  const a = new Writer('a', left);
  right.apply(a.write(put('k', 'v', { expiresAtMs: 100 }), put('l', 'w'), del('m')), null);
  t.same(left.root(), right.root());
  left.collect(3, 50, 10);
  t.not(left.root().hash, right.root().hash, 'not comparable: collectedTo differs');
  right.collect(3, 150, 10);
  t.equal(left.reader.size, 2);
  t.equal(right.reader.size, 1, 'the value has expired by the clock of the second');
  t.same(left.root(), right.root());
  t.same(left.leaves(), right.leaves());
  t.equal(left.digest(), right.digest());
});
