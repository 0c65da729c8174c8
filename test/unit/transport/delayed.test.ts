import t from 'tap';
import type { GroupId, LogIndex, ReplicaId, Term } from '../../../src/base/brand.js';
import { createDelayedTransport, type DelayOptions } from '../../../src/transport/delayed.js';
import type {
  Envelope,
  FormationMessage,
  PeerLinkStatus,
  Transport,
  TransportHandlers,
} from '../../../src/transport/transport.js';
import { Recorder } from '../../contract/recorder.js';
import { VirtualTime } from '../workload/virtual-time.js';

const [N1, N2, N3] = ['n1', 'n2', 'n3'] as [ReplicaId, ReplicaId, ReplicaId];

/** A link that is written on from outside. */
class Wire implements Transport {
  handlers: TransportHandlers | null = null;
  closed = false;

  get heard(): TransportHandlers {
    if (this.handlers === null) throw new Error('not started');
    return this.handlers;
  }

  start(handlers: TransportHandlers): Promise<void> {
    this.handlers = handlers;
    return Promise.resolve();
  }

  send(): boolean {
    return true;
  }

  sendFormation(): boolean {
    return true;
  }

  setPeers(): void {
    // Nobody is dialled.
  }

  folderOf(): string | null {
    return 'A';
  }

  isUp(): boolean {
    return true;
  }

  queuedBytes(): number {
    return 7;
  }

  status(): readonly PeerLinkStatus[] {
    return [N2, N3].map((peer) => ({ peer, closedBy: { closed: 1 } }) as unknown as PeerLinkStatus);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** Tells when what arrives. */
class Noting extends Recorder {
  private readonly note: (from: ReplicaId, what: number | 'word') => void;

  constructor(note: (from: ReplicaId, what: number | 'word') => void) {
    super();
    this.note = note;
  }

  override onMessages(from: ReplicaId, envelopes: readonly Envelope[]): void {
    for (const { message } of envelopes) this.note(from, message.type === 'heartbeat' ? message.readRound : -1);
    super.onMessages(from, envelopes);
  }

  override onFormation(message: FormationMessage): void {
    this.note(message.from, 'word');
    super.onFormation(message);
  }
}

function ping(from: ReplicaId, readRound: number): Envelope {
  const base = { from, to: N1, term: 1 as Term, commit: 0 as LogIndex };
  return { group: 'default/0' as GroupId, message: { type: 'heartbeat', ...base, readRound } };
}

function word(from: ReplicaId, formed: boolean): FormationMessage {
  return { from, to: N1, replicas: [], prepared: true, formed, members: [] };
}

interface Arrival {
  readonly atMs: number;
  readonly from: ReplicaId;
  /** readRound of a heartbeat, or `word`. */
  readonly what: number | 'word';
}

interface Setup {
  readonly time: VirtualTime;
  readonly wire: Wire;
  readonly delayed: Transport;
  readonly arrivals: Arrival[];
  readonly recorder: Recorder;
  /** Lets so much time pass. */
  readonly pass: (milliseconds: number) => Promise<void>;
}

async function setup(options: Partial<DelayOptions> = {}): Promise<Setup> {
  const time = new VirtualTime();
  const wire = new Wire();
  const { clock, scheduler } = time;
  const delayed = createDelayedTransport(wire, { self: N1, rangeMs: [5, 50], seed: 1, clock, scheduler, ...options });
  const arrivals: Arrival[] = [];
  const note = (from: ReplicaId, what: number | 'word'): void => {
    arrivals.push({ atMs: clock.monotonicMs(), from, what });
  };
  const recorder = new Noting(note);
  await delayed.start(recorder);
  const pass = (milliseconds: number): Promise<void> => {
    return time.run(new Promise((resolve) => time.at(clock.monotonicMs() + milliseconds, resolve)));
  };
  return { time, wire, delayed, arrivals, recorder, pass };
}

/** How long each of `count` frames waited that came one at a time. */
async function samples(count: number, options: Partial<DelayOptions> = {}, from = N2): Promise<number[]> {
  const { arrivals, pass, time, wire } = await setup(options);
  const waited: number[] = [];
  for (let round = 0; round < count; round++) {
    const sentMs = time.clock.monotonicMs();
    wire.heard.onMessages(from, [ping(from, round)]);
    await pass(100);
    waited.push((arrivals[round]?.atMs ?? Infinity) - sentMs);
  }
  return waited;
}

t.test('ap.md §1.3.8: each frame waits within the range, on average for the middle of it', async (t) => {
  const waited = await samples(2000);
  t.ok(waited.every((ms) => ms >= 5 && ms <= 50));
  const mean = waited.reduce((sum, ms) => sum + ms, 0) / waited.length;
  t.ok(Math.abs(mean - 27.5) < 1, `a mean of ${mean.toFixed(2)} ms`);
  const low = waited.filter((ms) => ms < 16.25).length / waited.length;
  t.ok(Math.abs(low - 0.25) < 0.04, `${low} in the first quarter: uniform`);
});

t.test('ap.md §1.3.8: a stream stays in order, whatever is drawn', async (t) => {
  const { arrivals, pass, wire } = await setup();
  for (let round = 0; round < 300; round++) {
    wire.heard.onMessages(N2, [ping(N2, round)]);
    if (round % 10 === 0) await pass(1);
  }
  await pass(100);
  t.same(
    arrivals.map(({ what }) => what),
    Array.from({ length: 300 }, (_, round) => round),
  );
  t.ok(new Set(arrivals.map(({ atMs }) => atMs)).size > 1);
});

t.test('the same seed draws the same delays, for each pair its own', async (t) => {
  const first = await samples(30);
  t.same(await samples(30), first);
  t.notSame(await samples(30, { seed: 2 }), first);
  t.notSame(await samples(30, {}, N3), first, 'another sender');
  t.notSame(await samples(30, { self: 'n9' as ReplicaId }), first, 'another receiver');
  const { arrivals, pass, wire } = await setup();
  wire.heard.onMessages(N3, [ping(N3, 7)]);
  wire.heard.onMessages(N2, [ping(N2, 0)]);
  await pass(100);
  t.equal(arrivals.find(({ from }) => from === N2)?.atMs, first[0], 'what others send shifts nothing');
});

t.test('peers do not hold up each other', async (t) => {
  const { arrivals, pass, wire } = await setup();
  for (let round = 0; round < 2000; round++) wire.heard.onMessages(N2, [ping(N2, round)]);
  await pass(60);
  for (let round = 0; round < 4; round++) wire.heard.onMessages(N2, [ping(N2, round)]);
  wire.heard.onMessages(N3, [ping(N3, 1)]);
  await pass(50);
  t.equal(arrivals.filter(({ from }) => from === N3).length, 1);
});

t.test('frames stay whole; formations and messages share one order', async (t) => {
  const { arrivals, pass, recorder, wire } = await setup();
  wire.heard.onFormation(word(N2, false));
  wire.heard.onMessages(N2, [ping(N2, 1), ping(N2, 2)]);
  wire.heard.onFormation(word(N2, true));
  wire.heard.onMessages(N2, [ping(N2, 3)]);
  t.same(arrivals, []);
  await pass(60);
  t.same(
    arrivals.map(({ what }) => what),
    ['word', 1, 2, 'word', 3],
  );
  t.equal(recorder.frames[0]?.envelopes.length, 2);
});

t.test(
  'a link that goes down loses what is on its way; what comes after it up again does not wait for it',
  async (t) => {
    const { arrivals, pass, recorder, wire } = await setup({ rangeMs: [40, 40] });
    wire.heard.onMessages(N2, [ping(N2, 1)]);
    wire.heard.onFormation(word(N2, true));
    wire.heard.onMessages(N3, [ping(N3, 2)]);
    await pass(10);
    wire.heard.onPeerDown(N2, 'closed_by_peer');
    wire.heard.onPeerUp(N2);
    t.same(recorder.links, ['down n2', 'up n2'], 'told at once');
    wire.heard.onMessages(N2, [ping(N2, 3)]);
    await pass(100);
    t.same(arrivals, [
      { atMs: 40, from: N3, what: 2 },
      { atMs: 50, from: N2, what: 3 },
    ]);
  },
);

t.test('beyond its bound the oldest is handed on early, in order, and counted', async (t) => {
  const { arrivals, delayed, pass, wire } = await setup({ rangeMs: [40, 40], waitingBytesMax: 4 * 300 });
  for (let round = 0; round < 10; round++) wire.heard.onMessages(N2, [ping(N2, round)]);
  t.same(
    arrivals.map(({ what }) => what),
    [0, 1, 2, 3, 4, 5],
  );
  t.same(
    delayed.status().map(({ closedBy }) => closedBy),
    [{ closed: 1, delay_full: 6 }, { closed: 1 }],
  );
  await pass(50);
  t.same(
    arrivals.map(({ what }) => what),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  t.equal(arrivals.at(-1)?.atMs, 40);
  const members = Array.from({ length: 64 }, () => ({ id: N2, folder: null, peer: null }));
  wire.heard.onFormation({ ...word(N2, true), members });
  t.equal(arrivals.length, 11, 'one that is larger than the bound does not wait at all');
});

t.test('handlers that cut the link, or close, in the middle', async (t) => {
  for (const close of [false, true]) {
    const { delayed, pass, recorder, wire } = await setup({ rangeMs: [40, 40], waitingBytesMax: 4 * 300 });
    let calls = 0;
    recorder.onMessages = () => {
      calls++;
      if (close) void delayed.close();
      else wire.heard.onPeerDown(N2, 'moved');
    };
    for (let round = 0; round < 4; round++) wire.heard.onMessages(N2, [ping(N2, round)]);
    await pass(50);
    t.equal(calls, 1, 'the others were dropped with the first');
    for (let round = 0; round < 10; round++) wire.heard.onMessages(N2, [ping(N2, round)]);
    await pass(50);
    t.equal(calls, close ? 1 : 3, close ? 'a closed transport is silent' : 'one early, one in time');
    if (close) t.ok(wire.closed);
  }
});

t.test('everything else is as it was', async (t) => {
  const { delayed, recorder, wire } = await setup();
  recorder.verdict = (peer, folder) => (peer === 'n2' && folder === 'B' ? 'foreign_folder' : null);
  t.equal(wire.heard.admits('n2', 'B'), 'foreign_folder', 'handshakes are not delayed');
  wire.heard.onRefused(N3, 'removed_replica', 'gone');
  t.match(recorder.refusals, [{ by: 'n3', code: 'removed_replica', text: 'gone' }]);
  t.equal(delayed.folderOf(N2), 'A');
  t.equal(delayed.queuedBytes(N2), 7);
  t.throws(() => createDelayedTransport(wire, { self: N1, rangeMs: [9, 5], seed: 1 }), { name: 'InvariantViolation' });
});
