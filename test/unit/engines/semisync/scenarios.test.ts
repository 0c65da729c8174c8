import t from 'tap';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, options);
  network.run(3);
  return network;
}

t.test(
  'Appendix F 16: the write quorum goes 3, 1, 3 under load while leaders crash between append and commit',
  async (t) => {
    for (let point = 0; point < 12; point++) {
      const network = group('abcdef', { writeQuorum: 3 });
      for (const [at, writeQuorum] of [1, 3].entries()) {
        const leader = network.leader?.id ?? '';
        network.propose(leader);
        t.ok(network.setQuorum(leader, writeQuorum)?.accepted);
        network.propose(leader);
        // It crashes with its change on more and more disks: on its own, on those of the first followers, acknowledged.
        const reached = 'abcdef'
          .split('')
          .filter((id) => id !== leader)
          .slice(0, (point + at) % 6);
        if (point >= 3) network.persist(leader);
        network.deliverAll(({ to, type }) => type === 'appendRequest' && reached.includes(to));
        if (point >= 6) for (const id of reached) network.persist(id);
        if (point >= 9) network.deliverAll(({ to }) => to === leader);
        network.crash(leader, point % 3);
        network.wire = [];
        network.run(60);
        const next = network.leader?.id;
        network.restart(leader); // With W = 1 somewhere it may take five of six, and this one.
        network.run(60);
        t.ok(next ?? network.leader, `point ${point}: somebody leads`);
        network.propose(network.leader?.id ?? '');
        network.run(4);
      }
      const states = [...network.members.values()].map(({ state }) => state.join());
      t.equal(new Set(states).size, 1, `point ${point}: all agree, and the checker saw no acknowledged write lost`);
      t.ok(network.checker.acknowledged >= 2);
    }
  },
);

t.test(
  'Appendix F 17: a candidate that completes its promises late commits nothing and confirms no read',
  async (t) => {
    const network = group('abcdef', { writeQuorum: 5, promotion: 'manual' });
    network.promote('b');
    for (let at = 0; at < 3; at++) {
      network.deliverAll(({ type }) => type !== 'promiseResponse');
      network.deliverAll((message) => message.type === 'promiseResponse' && message.ask);
      for (const id of network.members.keys()) network.persist(id);
    }
    const late = network.wire.filter(({ to, type }) => to === 'b' && type === 'promiseResponse');
    t.ok(late.length >= 4, 'its promises are under way');
    network.wire = [];
    network.isolate('b');
    const runOthers = (ticks: number): void => {
      for (let at = 0; at < ticks; at++) {
        for (const id of 'acdef') network.tick(id);
        network.settle();
      }
    };
    network.promote('c');
    runOthers(5);
    const leader = network.leader?.id ?? '';
    t.equal(leader, 'c');
    t.ok(network.engine(leader).term > network.engine('b').term);
    for (const message of late) network.deliver(message);
    t.equal(network.engine('b').role, 'leader', 'it believes to lead its lower epoch');
    const { commitIndex } = network.engine('b');
    network.propose('b');
    network.read('b');
    network.persist('b');
    network.heal();
    network.run(3);
    t.equal(network.engine('b').role, 'follower');
    t.equal(network.engine('b').commitIndex >= commitIndex, true);
    t.ok(
      network.member('b').reads.every(({ index }) => index === null),
      'no strong read',
    );
    t.equal(network.leader?.id, leader);
  },
);

t.test('Appendix F 10: a leader that is cut off with its clients loses nothing that it acknowledged', async (t) => {
  const network = group('abcdef', { writeQuorum: 2 });
  for (let at = 0; at < 5; at++) network.propose('a');
  network.run(2);
  const { acknowledged } = network.checker;
  t.equal(acknowledged, 5);
  network.isolate('a');
  network.propose('a');
  network.run(100);
  t.equal(network.checker.acknowledged, 5, 'nothing more is acknowledged there');
  t.not(network.leader?.id, 'a');
  network.propose(network.leader?.id ?? '');
  network.run(5);
  network.heal();
  network.run(10);
  t.equal(network.checker.acknowledged, 6);
  t.equal(network.checker.lost.size, 0);
  t.same([...network.member('a').disk.lostWrites], ['7@64'], 'the open one is in the file');
});
