import t from 'tap';
import { get, leader, put, started } from './fixture.js';

t.test('three replicas form a cluster, elect a leader, and serve a write and a read', async (t) => {
  const world = started(1);
  const first = await leader(world);
  t.equal(await put(world, first, 'a', '1'), null);
  for (const process of world.processes.values()) t.equal(await get(world, process, 'a'), '1');
});

t.test('what was acknowledged outlives a power loss of all (reliability.md §2.2)', async (t) => {
  for (const loss of ['nothing', 'unsynced', 'sectors', 'bytes'] as const) {
    const world = started(2);
    const first = await leader(world);
    for (let count = 0; count < 50; count++) t.equal(await put(world, first, `k${count % 5}`, `${count}`), null);
    for (const process of world.processes.values()) process.crash(loss);
    t.same(
      [...world.processes.values()].map(({ state }) => state),
      ['down', 'down', 'down'],
    );
    for (const process of world.processes.values()) process.start();
    const next = await leader(world);
    for (let key = 0; key < 5; key++) t.equal(await get(world, next, `k${key}`), `${45 + key}`, loss);
  }
});
