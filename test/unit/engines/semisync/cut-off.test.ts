import t from 'tap';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, options);
  network.run(3);
  return network;
}

/** Longer than a leader waits to be heard: four election timeouts. */
const PATIENCE_TICKS = 90;

t.test('a leader that is heard and hears nobody makes room, and somebody else leads', async (t) => {
  const network = group('abc');
  network.propose('a');
  network.run(2);
  network.lost = ({ to }) => to === 'a'; // What it says arrives.
  network.run(60);
  t.equal(network.leader?.id, 'a', 'not at once');
  network.run(PATIENCE_TICKS);
  t.not(network.leader?.id, 'a');
  const { id = '' } = network.leader ?? {};
  t.not(network.engine('a').role, 'leader');
  network.propose(id);
  network.run(2);
  t.equal(network.engine(id).commitIndex, 4);
  network.heal();
  network.run(5);
  t.equal(network.leader?.id, id, 'it does not disturb whoever leads now');
  t.same(network.member('a').state, network.member(id).state);
});

t.test('where only an operator promotes it keeps its place: nobody else would come', async (t) => {
  const network = group('abc', { promotion: 'manual' });
  network.lost = ({ to }) => to === 'a';
  network.run(PATIENCE_TICKS * 2);
  t.equal(network.engine('a').role, 'leader');
  network.heal();
  network.run(3);
  t.ok(network.propose('a')?.accepted);
});

t.test('as many followers as confirm its ballot are enough to go on, whatever the write quorum', async (t) => {
  const network = group('abcdef', { writeQuorum: 3 });
  for (const id of 'ef') network.crash(id);
  network.crash('d');
  network.run(PATIENCE_TICKS);
  t.equal(network.leader?.id, 'a', 'P is 4: two of the others exclude everybody else');
  t.match(network.propose('a')?.refused, { reason: 'not_enough_replicas' });
  network.crash('c');
  network.run(PATIENCE_TICKS);
  t.equal(network.leader, undefined);
  for (const id of 'cd') network.restart(id);
  network.run(40);
  t.ok(network.leader, 'with P members there is a leader again');
});

t.test('with a write quorum of 0 it needs nobody, and nobody can take its place', async (t) => {
  const network = group('abc', { writeQuorum: 0, allowAsync: true });
  network.isolate('a');
  network.run(PATIENCE_TICKS);
  t.equal(network.leader?.id, 'a');
  t.ok(network.propose('a')?.accepted);
});
