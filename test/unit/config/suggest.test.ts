import * as fc from 'fast-check';
import t from 'tap';
import { editDistance, suggest } from '../../../src/config/suggest.js';

t.test('a typing mistake finds its word, anything else finds none', (t) => {
  const engines = ['raft', 'semisync', 'causal', 'lww'];
  t.equal(suggest('rafft', engines), 'raft');
  t.equal(suggest('Raft', engines), 'raft');
  t.equal(suggest('arft', engines), 'raft', 'swapped neighbours are one mistake');
  t.equal(suggest('semi-sync', engines), 'semisync');
  t.equal(suggest('warning', ['info', 'warn']), 'warn');
  t.equal(suggest('paxos', engines), null);
  t.equal(suggest('', engines), null);
  t.end();
});

t.test('the distance is symmetric, and 0 for equal words alone', (t) => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      return (
        distance === editDistance(b, a) && (distance === 0) === (a === b) && distance <= Math.max(a.length, b.length)
      );
    }),
    { numRuns: 300 },
  );
  t.end();
});
