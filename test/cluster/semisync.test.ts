import t from 'tap';
import { connect } from '../../src/client/client.js';
import { PATIENCE_MS, eventually } from './process-cluster.js';
import { SemisyncCluster, type Answer } from './semisync-cluster.js';
import { Writer } from './writers.js';

/** The leader-follower document and ap.md §1.3 on the program as it is started. About a minute on two cores. */
/** Less than a write is waited for: 5 s. */
const REFUSED_MS_MAX = 4000;
const WRITES = 12;

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

/** Writes at the leader, and what of that was acknowledged. */
function writerOf(cluster: SemisyncCluster): {
  acknowledged: Record<string, string>;
  put: (key: string) => Promise<Answer>;
} {
  const acknowledged: Record<string, string> = {};
  const put = async (key: string): Promise<Answer> => {
    const answer = await cluster.ask('leader', 'PUT', `/kv/${key}`, { value: key });
    if (answer.status < 300) acknowledged[key] = key;
    return answer;
  };
  return { acknowledged, put };
}

t.test('the endpoints of the leader-follower document, word by word', { timeout: 270_000 }, async (t) => {
  const cluster = await SemisyncCluster.shipped(t);
  const leader = await cluster.leader();
  t.equal(leader, 'leader');
  t.match(await cluster.ask('leader', 'PUT', '/kv/a', { value: '1' }), { status: 201, json: { result: 'created' } });
  t.match(await cluster.ask('leader', 'GET', '/kv/a'), { status: 200, json: { key: 'a', value: '1' } });
  t.match(await cluster.ask('follower3', 'PUT', '/kv/b', { value: '2' }), { status: 201 }, 'a follower passes it on');
  t.match(await cluster.ask('follower3', 'GET', '/kv/b'), { status: 200, json: { value: '2' } });
  const redirected = await cluster.ask('follower3', 'PUT', '/kv/b?forward=false', { value: '3' });
  t.equal(redirected.status, 307);
  t.equal(redirected.headers.get('location'), `${cluster.url('leader')}/kv/b?forward=false`);
  t.match(await cluster.ask('leader', 'POST', '/admin/quorum', { write_quorum: 5 }), {
    status: 200,
    json: { old: 1, new: 5 },
  });
  t.match(await cluster.ask('follower1', 'POST', '/admin/quorum', { write_quorum: 1 }), {
    status: 403,
    json: { code: 'not_leader', leader: 'leader', leader_http: cluster.url('leader') },
  });
  t.match(await cluster.ask('leader', 'POST', '/admin/quorum', { write_quorum: 6 }), { status: 400 });
  await cluster.agreed();
  const status = await cluster.ask('leader', 'GET', '/admin/replica-status');
  const data = { a: '1', b: '2' };
  t.match(status.json, { leader: { id: 'leader', data, write_quorum: 5 }, in_sync: true });
  const followers = status.json['followers'] as Record<string, Answer['json']>;
  t.same(Object.keys(followers).sort(), ['follower1', 'follower2', 'follower3', 'follower4', 'follower5']);
  for (const follower of Object.values(followers)) t.match(follower, { in_sync: true, lag: 0, error: null, data });
});

t.test('ap.md §1.3.4: the next write takes the new quorum', { timeout: 270_000 }, async (t) => {
  const cluster = await SemisyncCluster.processes(t, 2, { writeQuorum: 1, promotion: 'manual' });
  await cluster.leader();
  await cluster.untilAvailable('leader', 2);
  const put = (key: string): Promise<Answer> => cluster.ask('leader', 'PUT', `/kv/${key}`, { value: key });
  const set = (writeQuorum: number): Promise<Answer> =>
    cluster.ask('leader', 'POST', '/admin/quorum', { write_quorum: writeQuorum });
  t.equal((await set(2)).status, 200);
  t.equal((await put('both')).status, 201);
  t.match(await set(1), { status: 200, json: { old: 2, new: 1 } });
  await cluster.process('follower2').kill();
  await cluster.untilAvailable('leader', 1);
  t.equal((await put('one')).status, 201, 'one follower is enough');
  t.match(await set(2), { status: 200, json: { old: 1, new: 2 } }, 'the change itself takes the old one');
  t.match(await put('refused'), { status: 503, json: { code: 'not_enough_replicas' } }, 'the next write the new one');
  t.match(await set(1), { status: 503, json: { code: 'not_enough_replicas' } }, 'which two know, or nobody');
  await cluster.process('leader').kill();
  await cluster.process('follower2').start();
  await cluster.process('leader').start();
  const leader = await cluster.leader();
  t.match(await cluster.ask(leader, 'GET', '/admin/quorum'), { json: { write_quorum: 2 } }, 'whoever leads');
  t.same(await cluster.agreed(), { both: 'both', one: 'one' });
});

t.test('ap.md §1.3.8: what a follower more costs', { timeout: 270_000 }, async (t) => {
  const cluster = await SemisyncCluster.shipped(t);
  await cluster.leader();
  const latency = async (writeQuorum: number): Promise<string> => {
    await cluster.ask('leader', 'POST', '/admin/quorum', { write_quorum: writeQuorum });
    const tookMs: number[] = [];
    for (let at = 0; at < WRITES; at++) {
      const written = await cluster.ask('leader', 'PUT', `/kv/w${writeQuorum}-${at}`, { value: String(at) });
      if (written.status === 201) tookMs.push(written.tookMs);
    }
    t.equal(tookMs.length, WRITES);
    return `${mean(tookMs).toFixed(0)} ms with ${writeQuorum}`;
  };
  await latency(3); // The first writes of a process are slow.
  t.comment(`mean of ${WRITES} writes: ${await latency(1)}, ${await latency(5)}`);
  t.equal(Object.keys(await cluster.agreed()).length, 3 * WRITES, 'all replicas have everything');
});

t.test(
  'ap.md §1.3.2: with too few followers writes are refused at once, until one returns',
  { timeout: 360_000 },
  async (t) => {
    const cluster = await SemisyncCluster.processes(t, 3, { writeQuorum: 2, promotion: 'manual' });
    await cluster.leader();
    await cluster.untilAvailable('leader', 3);
    const { acknowledged, put } = writerOf(cluster);
    for (let at = 0; at < WRITES; at++) t.equal((await put(`before${at}`)).status, 201);
    await Promise.all(['follower1', 'follower2'].map((id) => cluster.process(id).kill()));
    await cluster.untilAvailable('leader', 1);
    const refused = await put('refused');
    t.match(refused, { status: 503, json: { code: 'not_enough_replicas', retry: 'after' } });
    t.match(refused.json['detail'], /1 of .*2/, 'it says how many there are, and how many it takes');
    t.ok(refused.tookMs < REFUSED_MS_MAX, `${refused.tookMs.toFixed(0)} ms`);
    t.match(
      await cluster.ask('follower3', 'PUT', '/kv/refused', { value: 'x' }),
      { status: 503 },
      'by a follower, too',
    );
    t.match(await cluster.ask('leader', 'POST', '/admin/quorum', { write_quorum: 1 }), { status: 503 });
    t.equal((await cluster.ask('leader', 'GET', '/kv/before0')).status, 200, 'reads go on');
    t.equal((await cluster.ask('leader', 'GET', '/kv/refused')).status, 404, 'nothing was written');
    await cluster.process('follower1').start();
    await cluster.untilAvailable('leader', 2);
    for (let at = 0; at < WRITES; at++) t.equal((await put(`after${at}`)).status, 201);
    await cluster.process('follower2').start();
    t.match(await cluster.agreed(), acknowledged, 'nothing acknowledged is missing on any follower');
  },
);

t.test(
  'ap.md §1.3.5: the leader is killed under load, and nothing acknowledged is lost',
  { timeout: 360_000 },
  async (t) => {
    const cluster = await SemisyncCluster.processes(t, 3, { writeQuorum: 2, promotion: 'auto' });
    const first = await cluster.settled(3);
    const followers = cluster.ids.filter((id) => id !== first);
    const writers = ['w1', 'w2', 'w3', 'w4'].map(
      (id) =>
        new Writer(
          id,
          cluster.ids.map((each) => cluster.url(each)),
        ),
    );
    for (const writer of writers) writer.start();
    await eventually('some load', PATIENCE_MS, async () => writers.every(({ count }) => count > 20) || undefined);
    await cluster.process(first).kill();
    const killedMs = performance.now();
    const client = connect({ node: cluster.url(followers[0]!), timeoutMs: 8000 });
    t.teardown(() => client.close());
    await eventually('a write after the kill', PATIENCE_MS, () => client.put('after', 'the kill'));
    const gapMs = performance.now() - killedMs;
    const next = await cluster.leader(followers);
    t.ok(followers.includes(next), `${next} leads`);
    const counts = writers.map(({ count }) => count);
    await eventually(
      'every writer goes on',
      PATIENCE_MS,
      async () => writers.every((w, at) => w.count > counts[at]!) || undefined,
    );
    await Promise.all(writers.map((writer) => writer.stop()));
    const acknowledged = new Map(writers.flatMap((writer) => [...writer.acknowledged]));
    const total = writers.reduce((sum, { count }) => sum + count, 0);
    const unknown = writers.reduce((sum, writer) => sum + writer.unknown, 0);
    for (const writer of writers) writer.close();
    t.comment(`${Math.round(gapMs)} ms to the next acknowledged write; ${total} writes, ${unknown} asked again`);
    const data = await cluster.agreed(followers);
    t.same(
      [...acknowledged].filter(([key, value]) => data[key] !== value),
      [],
      'every acknowledged write is there',
    );

    await cluster.process(first).start();
    const all = await cluster.agreed();
    t.same(all, data, 'the old leader follows, and has what the others have');
    t.match(await cluster.member(first), { role: 'follower', leader: next, diverged: false });
    const { json } = await cluster.ask(first, 'GET', '/admin/failovers');
    t.match(json, { acknowledged_lost: 0, failovers: [{ leader: next, before: first, forced: false }] });

    t.equal(await cluster.process(next).drain(), 0);
    const left = cluster.ids.filter((id) => id !== next);
    const again = await cluster.leader(left);
    t.match(await cluster.ask(again, 'GET', '/admin/failovers'), {
      json: { failovers: [{ leader: again, before: next }] },
    });
    const stopped = await cluster.ask(
      left.find((id) => id !== again)!,
      'PUT',
      '/kv/after',
      { value: 'the stop' },
    );
    t.equal(stopped.status, 200, 'a leader that is stopped hands over before it goes: the next write needs no retry');
  },
);

t.test(
  'a follower is gone for good, every write takes it, and the leader goes on with another write quorum',
  { timeout: 360_000 },
  async (t) => {
    const cluster = await SemisyncCluster.processes(t, 2, { writeQuorum: 2, promotion: 'manual' });
    await cluster.leader();
    await cluster.untilAvailable('leader', 2);
    const { acknowledged, put } = writerOf(cluster);
    const first = await put('before');
    t.equal(first.status, 201);
    await cluster.process('follower2').kill();
    await cluster.untilAvailable('leader', 1);
    t.match(await put('refused'), { status: 503, json: { code: 'not_enough_replicas' } });
    const promote = (body: object): Promise<Answer> => cluster.ask('leader', 'POST', '/admin/promote', body);
    t.match(await cluster.ask('leader', 'POST', '/admin/quorum', { write_quorum: 1 }), { status: 503 });
    t.match(await promote({ write_quorum: 1 }), { status: 400 }, 'by force only');
    t.match(await promote({ force: true, write_quorum: 1 }), {
      status: 200,
      json: { leader: 'leader', required: 2, loss_possible: false, write_quorum: 1 },
    });
    await cluster.untilAvailable('leader', 1);
    t.equal((await put('after')).status, 201);
    const token = String(first.headers.get('x-kvorum-session'));
    const seen = await cluster.ask('follower1', 'GET', '/kv/before?consistency=follower', undefined, token);
    t.equal(seen.status, 200, 'nothing is lost: sessions of before go on');
    await cluster.process('follower2').start();
    t.same(await cluster.agreed(), acknowledged, 'who comes back after all has everything');
    const { json } = await cluster.ask('follower2', 'GET', '/admin/failovers');
    t.match(json, { acknowledged_lost: 0, failovers: [{ leader: 'leader', before: 'leader', forced: false }] });
    t.match(await cluster.ask('follower2', 'GET', '/admin/quorum'), { json: { write_quorum: 1 } });
  },
);

t.test(
  'ap.md §1.3.6: what a promotion by force throws away is told, to operators and to sessions',
  { timeout: 360_000 },
  async (t) => {
    const cluster = await SemisyncCluster.processes(t, 2, { writeQuorum: 1, promotion: 'manual' });
    await cluster.leader();
    await cluster.untilAvailable('leader', 2);
    t.equal((await cluster.ask('leader', 'PUT', '/kv/kept', { value: '1' })).status, 201);
    await cluster.agreed();
    await cluster.process('follower2').kill();
    const lost = await cluster.ask('leader', 'PUT', '/kv/lost', { value: '1' });
    t.equal(lost.status, 201, 'acknowledged: it is on two disks');
    await cluster.agreed(['leader', 'follower1']);
    for (const id of ['leader', 'follower1']) cluster.process(id).pause(); // Who restarts does not know what was acknowledged.
    await cluster.process('follower2').start();
    t.match(await cluster.ask('follower2', 'PUT', '/kv/new', { value: '2' }), { status: 503 });
    const refused = await cluster.ask('follower2', 'POST', '/admin/promote', {});
    t.match(refused, { status: 503, json: { code: 'not_enough_promises' } });
    t.match(await cluster.ask('follower2', 'POST', '/admin/promote', { force: true }), {
      status: 200,
      json: { leader: 'follower2', promised: ['follower2'], required: 2, loss_possible: true },
    });
    t.match(await cluster.ask('follower2', 'PUT', '/kv/new', { value: '2' }), {
      json: { code: 'not_enough_replicas' },
    });
    cluster.process('follower1').resume();
    await cluster.untilAvailable('follower2', 1);
    t.equal((await cluster.ask('follower2', 'PUT', '/kv/new', { value: '2' })).status, 201);
    t.equal((await cluster.ask('follower2', 'GET', '/kv/lost')).status, 404);
    const token = String(lost.headers.get('x-kvorum-session'));
    for (const id of ['follower1', 'follower2']) {
      const answer = await cluster.ask(id, 'GET', '/kv/kept?consistency=follower', undefined, token);
      t.match(answer, { status: 410, json: { code: 'causal_history_lost' } }, `${id} does not pretend`);
    }
    cluster.process('leader').resume();
    t.same(await cluster.agreed(), { kept: '1', new: '2' });
    for (const id of ['follower1', 'leader']) {
      const { json } = await cluster.ask(id, 'GET', '/admin/failovers');
      t.match(json, { acknowledged_lost: 1, failovers: [{ leader: 'follower2', forced: true }] }, id);
      const found = (json['failovers'] as { discarded: { file: string } | null }[]).find(
        (each) => each.discarded !== null,
      );
      const file = encodeURIComponent(found?.discarded?.file ?? '');
      const { json: writes } = await cluster.ask(id, 'GET', `/admin/failovers?file=${file}`);
      t.match(writes, { commands: [{ operations: [{ op: 'put', key: 'lost', value: '1' }] }] }, 'the write itself');
    }
  },
);
