import t from 'tap';
import { checkCausal } from '../../../../src/check/index.js';
import { CAUSAL_LEVELS, type Pattern } from '../../../../src/check/causal/types.js';
import { history } from './histories.js';

interface Vector {
  readonly id: string;
  readonly text: string;
  /** By level, in the order cc, ccv, cm; null: consistent. */
  readonly expected: readonly [Pattern | null, Pattern | null, Pattern | null];
}

const all = (pattern: Pattern | null): Vector['expected'] => [pattern, pattern, pattern];

const VECTORS: readonly Vector[] = [
  { id: 'a', text: 'p0: w x 1, r x 2 | p1: w x 2, r x 1', expected: [null, 'CyclicCF', null] },
  {
    id: 'b',
    text: 'p0: w z 1, w x 1, w y 1 | p1: w x 2, r z 0, r y 1, r x 2',
    expected: [null, null, 'WriteHBInitRead'],
  },
  { id: 'c', text: 'p0: w x 1 | p1: w x 2, r x 1, r x 2', expected: [null, 'CyclicCF', 'CyclicHB'] },
  {
    id: 'd',
    text: 'p0: w x 1, r y 0, w y 1, r x 1 | p1: w x 2, r y 0, w y 2, r x 2',
    expected: all(null),
  },
  { id: 'e', text: 'p0: w x 1, w y 1 | p1: r y 1, w x 2 | p2: r x 2, r x 1', expected: all('WriteCORead') },
  { id: 'RYW', text: 'p0: w x 1, r x 0', expected: all('WriteCOInitRead') },
  { id: 'MR', text: 'p0: w x 1, w x 2 | p1: r x 2, r x 1', expected: all('WriteCORead') },
  { id: 'WFR', text: 'p0: w x 1 | p1: r x 1, w y 1 | p2: r y 1, r x 0', expected: all('WriteCOInitRead') },
  { id: 'MW', text: 'p0: w x 1, w y 1 | p1: r y 1, r x 0', expected: all('WriteCOInitRead') },
  { id: 'LF', text: 'p0: w x 1 | p1: w y 1 | p2: r x 1, r y 0 | p3: r y 1, r x 0', expected: all(null) },
  { id: 'TA', text: 'p0: r x 7', expected: all('ThinAirRead') },
  { id: 'CY', text: 'p0: r x 1, w y 1 | p1: r y 1, w x 1', expected: all('CyclicCO') },
];

for (const { expected, id, text } of VECTORS) {
  t.test(`vector ${id} (ap.md appendix C): ${text}`, async (t) => {
    for (const [at, level] of CAUSAL_LEVELS.entries()) {
      const { operations, verdict, violation } = checkCausal(history(text), { level });
      t.equal(violation?.pattern ?? null, expected[at], level);
      t.equal(verdict, expected[at] === null ? 'ok' : 'violation');
      t.equal(operations, text.split(/[|,]/).length);
    }
  });
}
