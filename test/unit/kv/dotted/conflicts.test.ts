import * as fc from 'fast-check';
import t from 'tap';
import { covers, type Vector } from '../../../../src/base/dot.js';
import { DottedKv, type AppliedBatch } from '../../../../src/kv/dotted/index.js';
import { MapBase } from '../support.js';
import { batch, fresh, LWW, origin, put } from './support.js';

/** One write of the one key, with all that its writer had then: what its batch may or may not say. */
interface Written {
  readonly made: AppliedBatch;
  readonly had: Vector;
}

/** Members that write one key and exchange their writes; each counts what it lost to a concurrent write. */
class Lossy {
  readonly machines = [0, 1, 2].map(() => fresh());
  readonly #written: Written[][] = [[], [], []];
  /** Per member: what stands in the key, and how many concurrent writes were lost to another one. */
  readonly #standing: (Written | null)[] = [null, null, null];
  readonly lost = [0, 0, 0];
  readonly #tells: boolean;
  readonly #isCausal: boolean;

  constructor(tells: boolean, isCausal: boolean) {
    this.#tells = tells;
    this.#isCausal = isCausal;
  }

  machine(at: number): DottedKv {
    return this.machines[at] as DottedKv;
  }

  write(at: number): void {
    const kv = this.machine(at);
    const from = 'abc'[at] as string;
    const own = this.#written[at] ?? [];
    const had = new Map(kv.vector);
    const dependencies = this.#tells
      ? [...had].filter(([other]) => other !== origin(from)).map(([other, seq]) => ({ origin: other, seq }))
      : [];
    const spec = { from, seq: own.length + 1, counter: kv.counter + 1, operations: [put('k', 'v')], dependencies };
    const written = { made: batch(spec), had };
    own.push(written);
    this.#take(at, written);
  }

  deliver(to: number, from: number): void {
    const next = this.#written[from]?.[this.machine(to).vector.get(origin('abc'[from] as string)) ?? 0];
    if (next === undefined) return;
    const { vector } = this.machine(to);
    if (this.#isCausal && ![...next.had].every(([other, seq]) => covers(vector, { origin: other, seq }))) return;
    this.#take(to, next);
  }

  #take(at: number, written: Written): void {
    const standing = this.#standing[at] ?? null;
    this.machine(at).apply(written.made, null);
    const [older, newer] = standing === null || isOlder(standing, written) ? [standing, written] : [written, standing];
    if (older !== null && older.made.origin !== newer.made.origin && !covers(newer.had, older.made)) {
      this.lost[at] = (this.lost[at] ?? 0) + 1;
    }
    this.#standing[at] = newer;
  }
}

function isOlder({ made: a }: Written, { made: b }: Written): boolean {
  return a.counter < b.counter || (a.counter === b.counter && a.origin < b.origin);
}

const steps = fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { maxLength: 60, size: 'max' });

function run(world: Lossy, given: readonly (readonly [number, number])[], check: (at: number) => void): void {
  for (const [to, from] of given) {
    if (to === from) world.write(to);
    else world.deliver(to, from);
    check(to);
  }
}

t.test('causal: exactly the concurrent writes that were lost are recorded (ap.md §1.1)', async (t) => {
  fc.assert(
    fc.property(steps, (given) => {
      const world = new Lossy(true, true);
      run(world, given, (at) => {
        const { total } = world.machine(at).overwritten(0);
        if (total !== world.lost[at]) throw new Error(`${total} were recorded, ${world.lost[at]} lost`);
      });
    }),
    { numRuns: 500 },
  );
  t.pass('for all samples');
});

for (const tells of [true, false]) {
  const what = tells ? 'with what batches tell' : 'without a word of dependencies';
  t.test(`lww ${what}: no concurrent write is lost unrecorded (ap.md §1.1)`, async (t) => {
    let recorded = 0;
    let lost = 0;
    fc.assert(
      fc.property(steps, (given) => {
        const world = new Lossy(tells, false);
        run(world, given, (at) => {
          const { total } = world.machine(at).overwritten(0);
          if (total < (world.lost[at] ?? 0)) throw new Error(`${total} were recorded, ${world.lost[at]} lost`);
        });
        for (const at of [0, 1, 2]) {
          recorded += world.machine(at).overwritten(0).total;
          lost += world.lost[at] ?? 0;
        }
      }),
      { numRuns: 500 },
    );
    t.ok(lost > 0);
    if (tells) t.ok(recorded < 1.5 * lost, `${recorded} were recorded, ${lost} lost`);
    else t.comment(`${recorded} were recorded, ${lost} lost`);
  });
}

t.test('what origins have seen survives a checkpoint', async (t) => {
  const base = new MapBase();
  const first = DottedKv.open(base, null, LWW);
  first.apply(batch({ from: 'a', seq: 1, counter: 1, operations: [put('k', '1')] }), null);
  const dependencies = [{ origin: origin('a'), seq: 1 }];
  first.apply(batch({ from: 'b', seq: 1, counter: 2, operations: [put('l', '2')], dependencies }), null);
  const frozen = first.freeze();
  base.write(frozen.changes());
  const kv = DottedKv.open(base, frozen.meta, LWW);
  kv.apply(batch({ from: 'b', seq: 2, counter: 3, operations: [put('k', '3')] }), null);
  t.equal(kv.overwritten(1).total, 0, 'b said with its first batch that it had what it replaces now');
  kv.retire(origin('b'));
  t.same([...DottedKv.open(new MapBase(), kv.freeze().meta, LWW).retired], [origin('b')]);
});
