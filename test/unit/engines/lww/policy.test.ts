import t from 'tap';
import { lwwPolicy } from '../../../../src/engines/lww/index.js';
import { Network } from '../leaderless/network.js';

t.test('ap.md §1.1: the later Lamport time wins everywhere, ties by origin, whatever the order of arrival', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const net = new Network(['a', 'b', 'c'], seed, { engine: 'lww' });
    net.run(5);
    net.isolate('a');
    net.write('a', 'k=a');
    net.write('b', 'k=b');
    net.settle();
    net.heal();
    net.converge(100);
    t.equal(net.member('c').machine.live.get('k'), 'b', 'equal counters: the greater origin');
    net.isolate('a');
    net.write('b', 'k=b2');
    net.write('a', 'other=1');
    net.write('a', 'k=a2');
    net.settle();
    net.heal();
    net.converge(100);
    t.equal(net.member('c').machine.live.get('k'), 'a2', 'the busier side has the higher counter');
  }
  t.end();
});

t.test('a write goes above what its session has seen elsewhere', (t) => {
  const net = new Network(['a', 'b'], 11, { engine: 'lww' });
  net.run(5);
  net.isolate('a');
  for (let at = 0; at < 9; at++) net.write('a', `k=${at}`);
  net.settle();
  // The client read k at a (counter 9), and now writes at b, which has heard nothing of it.
  net.writeAs('b', { seenCounter: 9 }, 'k=newest');
  net.settle();
  net.heal();
  net.converge(100);
  t.equal(net.member('a').machine.live.get('k'), 'newest');
  t.end();
});

t.test('a clock that others pushed up, or that is used up, is not hidden', (t) => {
  const net = new Network(['a'], 12, { engine: 'lww', limits: { clockCeiling: 3, clockJump: 100 } });
  const ids = [1, 2, 3, 4].map((at) => net.write('a', `k=${at}`));
  net.settle();
  t.same(
    ids.map((id) => net.member('a').written.get(id)?.refused),
    [null, null, null, 'clock_exhausted'],
  );
  t.end();
});

t.test('a batch says what its origin had, and waits for none of it', (t) => {
  const net = new Network(['a', 'b'], 13, { engine: 'lww' });
  net.write('a', 'k=1');
  net.run(5);
  net.write('b', 'k=2');
  net.settle();
  const said = [...net.checker.issued.values()].flat().map(({ batch }) => batch.dependencies.length);
  t.strictSame(said, [0, 1], 'b had what a wrote');
  t.equal(
    lwwPolicy.waitsFor({} as never, () => 0),
    null,
  );
  t.end();
});
