import t from 'tap';
import { Network } from './network.js';

t.test('ap.md §1.0.4: writes reach everybody at once, and tombstones go when they are stable', (t) => {
  const net = new Network(['a', 'b', 'c'], 1, { engine: 'causal' });
  net.run(5);
  for (const id of ['a', 'b', 'c']) t.equal(net.engine(id).state, 'ready', id);
  net.write('a', 'x=1');
  net.write('b', 'y=1');
  net.settle();
  t.ok(net.converged, 'without a tick');
  net.write('c', 'x');
  net.settle();
  t.ok(net.converged);
  t.equal(net.member('a').machine.tombstones, 1);
  net.run(100);
  t.equal(net.member('a').machine.tombstones, 0);
  t.equal(net.engine('a').stable, 2);
  t.same(net.engine('a').status().stableBlockedBy, []);
  t.end();
});
