import t from 'tap';
import { groupId, type LogIndex } from '../../../../src/base/brand.js';
import { assert } from '../../../../src/base/assert.js';
import { silentLogger } from '../../../../src/base/logger.js';
import { Establish } from '../../../../src/replica/semisync/establish.js';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';
import { Network } from '../../engines/semisync/network.js';

t.test('where a follower is gone for good, the leader goes on with a write quorum that is left', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 2, promotion: 'manual' },
  });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  const before = await put(keyspace, 'a', '1');
  assert(before.ok, 'all are there');
  const seen = { revision: before.revision, epoch: member.appliedTerm };
  await cluster.stopReplica('n3');
  await until('that n3 is missed', () => (member.core?.status().available === 1 ? true : undefined));
  t.match(await put(keyspace, 'a', '2'), { ok: false, code: 'not_enough_replicas' });
  await t.rejects(keyspace.semisync.setWriteQuorum(1), { code: 'not_enough_replicas' });
  await t.rejects(keyspace.semisync.promote(false, 1), { code: 'bad_request', message: /force/ });
  for (const number of [0, 3, 1.5]) await t.rejects(keyspace.semisync.promote(true, number), { code: 'bad_request' });
  const promotion = await keyspace.semisync.promote(true, 1);
  t.match(promotion, { leader: 'n1', promised: ['n1', 'n2'], required: 2, lossPossible: false, writeQuorum: 1 });
  t.ok(promotion.epoch > seen.epoch, 'it is another epoch');
  await cluster.led('n1', 1);
  t.match(await put(keyspace, 'a', '3'), { ok: true });
  t.match(await get(keyspace, 'a', 'leader', { seen }), { value: '3' }, 'no session has lost anything');
  t.match((await keyspace.semisync.failovers())[0], { epoch: promotion.epoch, before: 'n1', forced: false });
  await cluster.startReplica('n3');
  await cluster.led('n1', 2);
  await cluster.converged();
  t.equal(cluster.node('n3').member.core?.status().writeQuorum, 1);
});

t.test('what an operator chose by force is not undone by the topology, whatever else the log knows', async (t) => {
  for (const lossPossible of [false, true]) {
    const network = new Network(['a', 'b', 'c'], 1, { promotion: 'manual' });
    network.run(3);
    if (lossPossible) network.isolate('a');
    network.promote('a', true, 1);
    network.run(40);
    const core = network.engine('a');
    t.match(network.member('a').promotions, [{ refused: null, lossPossible }]);
    network.heal();
    network.run(3);
    const establish = new Establish({
      group: groupId('feed', 0),
      writeQuorum: 2,
      logger: silentLogger,
      core: () => core,
      step: () => t.fail('nothing is to be appended'),
      floor: () => 0 as LogIndex,
    });
    t.equal(establish.settle(), null);
  }
});
