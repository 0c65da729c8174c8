import t from 'tap';
import type { LogIndex, Term } from '../../../../../src/base/brand.js';
import type { Operation } from '../../../../../src/check/index.js';
import { Branches } from '../../../../../src/sim/checks/semisync/branches.js';
import type { Node } from '../../../../../src/sim/checks/semisync/histories.js';
import { History } from '../../../../../src/sim/clients/history.js';
import { entry, Stage, violates } from './stage.js';

const BUDGET = 10_000;

type Seen = Pick<Operation, 'kind' | 'value' | 'call' | 'return'> & { readonly at: readonly [number, number] };

/**
 * Entry 2 of epoch 64 writes "a" (revision 1). Then n3 is forced, and entry 3 of epoch 130 writes "b" (revision 2); n1, which
 * has not heard of it, writes "c" with n2 as entry 3 of epoch 64 (revision 2), which is thrown away.
 */
class Parted {
  readonly stage = new Stage(['n1', 'n2', 'n3']);
  readonly history = new History();
  readonly #branches: Branches;

  constructor() {
    const { stage } = this;
    stage.epoch('n1', ['n2', 'n3'], 1, 64);
    for (const id of ['n2', 'n3']) stage.durable(id, entry(1, 64, 'noop'));
    for (const id of ['n1', 'n2', 'n3']) stage.durable(id, write(2, 64, 'a'));
    stage.turn('n1', { commit: 2 });
    stage.tick = 10;
    stage.epoch('n3', [], 3, 130, true);
    stage.durable('n3', write(4, 130, 'b'));
    for (const id of ['n1', 'n2']) stage.durable(id, write(3, 64, 'c'));
    stage.turn('n1', { commit: 3 });
    this.#revise([1, 64, 0], [2, 64, 1], [3, 64, 2], [3, 130, 1], [4, 130, 2]);
    this.#branches = new Branches(stage.checks.facts, this.history);
  }

  #revise(...applied: readonly (readonly [number, number, number])[]): void {
    for (const [index, term, revision] of applied) this.node(index, term).revision = revision;
  }

  node(index: number, term: number): Node {
    const node = this.stage.checks.facts.histories.of(index as LogIndex, term as Term);
    if (node === null) throw new Error('it is known');
    return node;
  }

  saw(...seen: readonly Seen[]): this {
    for (const { at, ...operation } of seen) {
      const [epoch, revision] = at;
      const place = { epoch: epoch as Term, revision };
      this.history.push({ ...operation, client: 'c', key: 'k', outcome: 'ok' }, place);
    }
    return this;
  }

  check(): number {
    return this.#branches.check(this.node(4, 130), BUDGET);
  }
}

function write(index: number, term: number, value: string): ReturnType<typeof entry> {
  return entry(index, term, 'commands', [...Buffer.from(`put k ${value};`)]);
}

const putA = { kind: 'put', value: 'a', call: 1, return: 2, at: [64, 1] } as const;
const putB = { kind: 'put', value: 'b', call: 11, return: 12, at: [130, 2] } as const;
const putC = { kind: 'put', value: 'c', call: 13, return: 14, at: [64, 2] } as const;

t.test(
  'ap.md §1.3.6: what force has thrown away is missing from the history that goes on, and nothing else',
  async (t) => {
    const fine = new Parted().saw(putA, putB, putC, { kind: 'get', value: 'b', call: 15, return: 16, at: [130, 2] });
    violates(t, 'linearizability', () => fine.history.check(new Map(), BUDGET));
    t.equal(fine.check(), 0, 'all of it together has no order; what has survived has one');
    const lacking = new Parted().saw(putA, putB, { kind: 'get', value: 'a', call: 15, return: 16, at: [130, 2] });
    violates(t, 'linearizability', () => lacking.check());
    const showing = new Parted().saw(putA, putB, putC, { kind: 'get', value: 'c', call: 15, return: 16, at: [130, 2] });
    violates(t, 'linearizability', () => showing.check());
    const before = new Parted().saw(putA, { kind: 'get', value: null, call: 3, return: 4, at: [130, 1] }, putB);
    violates(t, 'linearizability', () => before.check());
  },
);

t.test('ap.md §1.3.6: the history that was thrown away had an order of its own', async (t) => {
  const fine = new Parted().saw(putA, putB, putC, { kind: 'get', value: 'c', call: 15, return: 16, at: [64, 2] });
  t.equal(fine.check(), 0);
  const lacking = new Parted().saw(putA, putB, putC, { kind: 'get', value: 'a', call: 15, return: 16, at: [64, 2] });
  violates(t, 'linearizability', () => lacking.check());
});

t.test('ap.md §1.3.7: a leader that is cut off shows what was, but not before the others were forced', async (t) => {
  const late = new Parted().saw(putA, putB, { kind: 'get', value: 'a', call: 15, return: 16, at: [64, 1] });
  t.equal(late.check(), 0);
  const early = new Parted().saw(putA, { kind: 'get', value: null, call: 3, return: 4, at: [64, 1] }, putB);
  violates(t, 'linearizability', () => early.check());
});

t.test('reliability.md §4.2: a lost write that another attempt brought back may show itself at any time', async (t) => {
  const both = new Parted();
  both.stage.durable('n3', write(5, 130, 'c'));
  both.node(5, 130).revision = 3;
  both.saw(putA, putB, putC, { kind: 'get', value: 'c', call: 15, return: 16, at: [130, 3] });
  t.equal(new Branches(both.stage.checks.facts, both.history).check(both.node(5, 130), BUDGET), 0);
});
