import type { Item } from './explain.js';
import type { Model } from './model.js';
import { isReadOnly, type Operation } from './operation.js';

/** Operations in all the searches that shrinking asks for: some seconds of work. */
const ASKED_OPERATIONS_MAX = 5_000_000;

/**
 * Leaves operations other than the culprit out as long as what is left is not linearizable. Only such are left out that prove nothing by their
 * absence:
 *
 * - Reads. If an order explained the whole, it would explain it without a read, too.
 * - Writes whose value nothing that is left has seen. Suppose that an order explains the whole. It still does when the
 *   write counts as open, that is, as one that may never take effect; and an open write that nobody saw may be taken out
 *   (isUnseen has the reason). So the part without it would have an explanation as well.
 *
 * A write that was seen stays: without it the read would be wrong, and what is left would accuse the innocent.
 */
export function shrink(
  items: readonly Item[],
  culprit: Operation,
  model: Model,
  isViolation: (items: readonly Item[]) => boolean,
): readonly Item[] {
  let asked = 0;
  const violates = (part: readonly Item[]): boolean => {
    asked += part.length;
    return asked <= ASKED_OPERATIONS_MAX && isViolation(part);
  };
  let left = items;
  for (let before = -1; before !== left.length;) {
    before = left.length;
    left = leaveOut(left, ({ counted }) => counted !== culprit && isReadOnly(counted), violates);
    const looks = looksOf(left, model);
    const mayGo = ({ counted }: Item): boolean =>
      counted !== culprit && !isReadOnly(counted) && isUnseen(counted, looks, model);
    left = leaveOut(left, mayGo, violates);
  }
  return left;
}

/** Tries to leave out many at once, then half as many, down to one by one. */
function leaveOut(
  items: readonly Item[],
  mayGo: (item: Item) => boolean,
  violates: (part: readonly Item[]) => boolean,
): readonly Item[] {
  let left = items;
  let going = left.filter(mayGo);
  for (let size = going.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    const staying: Item[] = [];
    for (let at = 0; at < going.length; at += size) {
      const chunk = new Set(going.slice(at, at + size));
      const part = left.filter((item) => !chunk.has(item));
      if (violates(part)) left = part;
      else staying.push(...chunk);
    }
    going = staying;
  }
  return left;
}

/** What the operations of a part look for. */
interface Looks {
  /** What a get read, or a cas expected. */
  readonly values: ReadonlySet<string>;
  readonly forAbsent: boolean;
  readonly appends: boolean;
  readonly mismatches: boolean;
  /** Deletes that reported a key, and deletes that reported none. */
  readonly deletesOld: number;
  readonly deletesNone: number;
}

function looksOf(items: readonly Item[], model: Model): Looks {
  const counted = items.map((item) => item.counted);
  const count = (test: (operation: Operation) => boolean): number => counted.filter(test).length;
  const looked = counted
    .filter(({ kind }) => kind === 'get' || kind === 'cas')
    .map(({ expected = null, kind, value }) => model.normalise(kind === 'get' ? value : expected));
  return {
    values: new Set(looked.filter((value) => value !== null)),
    forAbsent: looked.includes(null),
    appends: count(({ kind }) => kind === 'append') > 0,
    mismatches: count(({ outcome }) => outcome === 'mismatch') > 0,
    deletesOld: count(reports(true)),
    deletesNone: count(reports(false)),
  };
}

function reports(existed: boolean): (operation: Operation) => boolean {
  return (operation) => operation.kind === 'delete' && operation.outcome === 'ok' && operation.existed === existed;
}

/**
 * True when taking this write, as an open one, out of an order leaves the order legal. Until the next put or delete the
 * value is what it wrote, possibly with more appended. So nothing reads there, and no cas writes, if nothing looks for a
 * value that begins with what it wrote (for an append: that holds it). What is left there are appends, which are always
 * legal, and the put or delete hides the difference. A cas that compared unequal, or a delete that found something, might
 * owe its legality to the write: with any of these nothing is unseen. A delete is unseen when nothing looks for an absent
 * key, and no append builds on it.
 */
function isUnseen(operation: Operation, looks: Looks, model: Model): boolean {
  const { kind, value } = operation;
  const written = kind === 'delete' ? null : model.normalise(value);
  if (looks.mismatches) return false;
  if (written === null) return !looks.forAbsent && !looks.appends && looks.deletesNone === 0;
  if (looks.deletesOld > 0) return false;
  if (kind === 'append') return ![...looks.values].some((looked) => looked.includes(written));
  if (!looks.appends) return !looks.values.has(written);
  return ![...looks.values].some((looked) => looked.startsWith(written));
}
