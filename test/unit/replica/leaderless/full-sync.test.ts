import t from 'tap';
import { originId, replicaId } from '../../../../src/base/brand.js';
import { silentLogger } from '../../../../src/base/logger.js';
import type { LeaderlessMessage } from '../../../../src/engines/leaderless/messages.js';
import { FullSyncReceiver } from '../../../../src/replica/leaderless/full-sync-receiver.js';
import { FullSyncSender } from '../../../../src/replica/leaderless/full-sync-sender.js';
import { createLeaderlessStats } from '../../../../src/replica/leaderless/stats.js';

const A = replicaId('n1');
const B = replicaId('n2');
const VECTOR = new Map([[originId('n1~a'), 1]]);

/** n1 sends `pieces` to n2 over a link that loses what the test says. */
function stage(pieces: number) {
  const state = { nowMs: 0, opened: 0, failed: 0, alive: true };
  const sent: LeaderlessMessage[] = [];
  const received: number[] = [];
  const order: string[] = [];
  const shared = {
    clock: { monotonicMs: () => state.nowMs, wallMs: () => 1000 },
    logger: silentLogger,
    send: (message: LeaderlessMessage) => void sent.push(message),
  };
  const openItems = () => {
    state.opened++;
    let next = 0;
    return {
      vector: VECTOR,
      boots: new Map(),
      counter: 1,
      collectedTo: 0,
      next: () => (next < pieces ? Uint8Array.of(next++) : null),
      close: () => undefined,
    };
  };
  const nowMs = () => state.nowMs;
  const sender = new FullSyncSender({ ...shared, self: A, stats: createLeaderlessStats(), openItems, nowMs });
  const receiver = new FullSyncReceiver({
    ...shared,
    self: B,
    stats: createLeaderlessStats(),
    openShadow: () => ({ bytes: 0, add: (items) => void received.push(...items), finish: () => undefined }),
    have: () => [],
    closedTo: () => 0,
    isAlive: () => state.alive,
    onReceived: () => order.push('received'),
    install: () => {
      order.push('install');
      return Promise.resolve(() => undefined);
    },
    onFailed: () => state.failed++,
  });
  /** Everything that is on its way arrives, but for what is lost; answers as well. Returns how many arrived. */
  const deliver = (isLost: (message: LeaderlessMessage) => boolean = () => false): number => {
    let count = 0;
    for (let message = sent.shift(); message !== undefined; message = sent.shift()) {
      if (isLost(message)) continue;
      count++;
      if (message.type === 'fullSyncRequest') sender.onRequest(message);
      else if (message.type === 'fullSyncItems') receiver.onItems(message);
      else if (message.type === 'fullSyncEnd') receiver.onEnd(message);
      else if (message.type === 'fullSyncAck' && message.to === A) sender.onAck(message);
      else if (message.type === 'fullSyncAck') receiver.onAborted(message);
    }
    return count;
  };
  const passMs = (milliseconds: number): void => {
    for (const end = state.nowMs + milliseconds; state.nowMs < end;) {
      state.nowMs += 100;
      sender.check(state.nowMs);
      receiver.check(state.nowMs);
    }
  };
  return { deliver, order, passMs, received, receiver, sender, sent, state };
}

const ALL = Array.from({ length: 12 }, (_, at) => at);

t.test('a request that is lost is repeated, and a repeated one is the same stream (ap.md §1.0.5)', async (t) => {
  const { deliver, order, passMs, received, receiver, sender, sent, state } = stage(12);
  receiver.start(A, false);
  t.equal(
    deliver(() => true),
    0,
  );
  passMs(1000);
  const [again] = sent;
  t.match(again, { type: 'fullSyncRequest' });
  if (again?.type === 'fullSyncRequest') {
    sender.onRequest(again);
    sender.onRequest(again);
  }
  deliver();
  t.equal(state.opened, 1);
  t.same(received, ALL, 'each piece once');
  t.same(order, ['received', 'install'], 'more is held than is durable, before anything of it is seen');
  await receiver.close();
  deliver();
  t.equal(sender.streams, 0);
  t.equal(state.failed, 0);
});

t.test('a member that answers no request is given up after a few', (t) => {
  const { deliver, passMs, receiver, state } = stage(1);
  receiver.start(A, false);
  for (let seconds = 0; seconds < 8; seconds++) {
    deliver(() => true);
    passMs(1000);
  }
  t.equal(state.failed, 1);
  t.end();
});

t.test('a member that falls silent behind a link that stands is given up', (t) => {
  const { deliver, passMs, receiver, state } = stage(12);
  receiver.start(A, false);
  deliver(({ type }) => type === 'fullSyncItems');
  state.alive = false;
  passMs(100);
  t.equal(state.failed, 1);
  t.end();
});

t.test('a request that the link does not take fails at once', (t) => {
  const { receiver, sent, state } = stage(1);
  receiver.start(A, false);
  const [request] = sent;
  if (request?.type === 'fullSyncRequest') receiver.onDropped(request);
  t.equal(state.failed, 1);
  t.end();
});

for (const [name, lost] of [
  ['a piece', (message: LeaderlessMessage) => message.type === 'fullSyncItems' && message.position === 6],
  ['the last pieces', (message: LeaderlessMessage) => 'position' in message && message.position >= 10],
  ['all acknowledgements from a point on', (message: LeaderlessMessage) => message.type === 'fullSyncAck'],
] as const) {
  t.test(`${name} lost: the stream goes on from there within seconds (ap.md §1.0.5)`, async (t) => {
    const { deliver, passMs, received, receiver, sender, state } = stage(12);
    const times = { lost: 0 };
    receiver.start(A, false);
    deliver((message) => lost(message) && times.lost++ < 3);
    for (let second = 0; second < 2; second++) {
      passMs(1000);
      deliver();
    }
    t.same(received, ALL, 'each piece once');
    await receiver.close();
    deliver();
    t.equal(sender.streams, 0);
    t.ok(times.lost > 0);
    t.equal(state.opened, 1);
    t.equal(state.failed, 0);
  });
}

t.test('who asks for more of a stream that was given up is told so', (t) => {
  const { deliver, passMs, receiver, sender, state } = stage(12);
  receiver.start(A, false);
  deliver((message) => message.type === 'fullSyncItems' && message.position > 2);
  sender.close();
  passMs(1000);
  deliver();
  t.equal(state.failed, 1);
  t.end();
});
