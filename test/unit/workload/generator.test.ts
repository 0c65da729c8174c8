import t, { type Test } from 'tap';
import { Generator, type GeneratorOptions, type GeneratorResult } from '../../../src/workload/generator.js';
import { Kind } from '../../../src/workload/kinds.js';
import { mergeLatencies, percentilesOf, type Percentiles } from '../../../src/workload/latency.js';
import type { Counts, SecondReport } from '../../../src/workload/recorder.js';
import { LoadSource } from '../../../src/workload/source.js';
import { fakeLanes, READS, type FakeLane, type FakeServer } from './fake-lane.js';
import { VirtualTime } from './virtual-time.js';

interface Outcome {
  readonly result: GeneratorResult;
  readonly counts: Counts;
  readonly seconds: readonly SecondReport[];
  readonly lanes: readonly FakeLane[];
  readonly latencies: Percentiles | null;
}

type Given = Partial<GeneratorOptions> & { readonly clients?: number; readonly pipeline?: number };

async function generate(server: FakeServer, { clients = 1, pipeline = 1, ...given }: Given): Promise<Outcome> {
  const { time } = server;
  const { factories, lanes } = fakeLanes(server, clients, pipeline);
  const seconds: SecondReport[] = [];
  const generator = new Generator({
    lanes: factories,
    source: READS,
    rate: null,
    phase: 0,
    warmUpMs: 0,
    durationMs: 10_000,
    operations: Infinity,
    timeoutMs: 1000,
    clock: time.clock,
    scheduler: time.scheduler,
    waker: time.createWaker(),
    onSecond: (second) => seconds.push(second),
    ...given,
  });
  const result = await time.run(generator.run());
  const counts = generator.recorder.counts();
  const latencies = percentilesOf(mergeLatencies(Object.values(counts.latencies)));
  return { result, counts, seconds, lanes, latencies };
}

/** Histograms round up by a thousandth at most. */
function isAbout(t: Test, actual: number | undefined, wanted: number, what = ''): void {
  t.ok(Math.abs((actual ?? 0) - wanted) <= wanted / 1000 + 0.1, `${what} ${actual} is about ${wanted}`);
}

/** Answers after a millisecond, but for a pause in which it answers nothing. */
function stalling(fromMs: number, untilMs: number): FakeServer {
  const answerAtMs = (sentMs: number): number => {
    const atMs = sentMs + 1;
    return atMs >= fromMs && atMs < untilMs ? untilMs : atMs;
  };
  return { time: new VirtualTime(), answerAtMs };
}

t.test('a stall of 200 ms shows in an open loop and hides from a closed one (no coordinated omission)', async (t) => {
  const closed = await generate(stalling(5000, 5200), { durationMs: 10_000 });
  const open = await generate(stalling(5000, 5200), { durationMs: 10_000, rate: 500, clients: 10 });
  isAbout(t, closed.latencies?.p99Us, 1000, 'one of ten thousand requests has met it:');
  isAbout(t, closed.latencies?.maxUs, 201_000);
  t.equal(open.latencies?.count, 5001, 'everything that was due was sent, the ends included');
  isAbout(t, open.latencies?.p50Us, 1000);
  // 100 of 5000 operations were due within the stall: 2 %, so that the 99th percentile is half way through it.
  t.ok((open.latencies?.p99Us ?? 0) > 90_000, `p99 ${open.latencies?.p99Us}`);
  t.ok((open.latencies?.p99Us ?? 0) < 110_000);
  t.equal(open.result.dropped, 0);
});

t.test(
  'with room for one request, those that were due meanwhile wait for it, and their wait is measured',
  async (t) => {
    const { latencies, result } = await generate(stalling(5000, 5200), { rate: 500, clients: 1 });
    t.equal(latencies?.count, 5001);
    t.ok((latencies?.p99Us ?? 0) > 150_000, 'the queue drains at 1 ms each while others come every 2 ms');
    t.equal(result.waitingAtEnd, 0);
    t.ok(result.waitingMax >= 50);
  },
);

t.test('an open loop is due at the rate, to the operation, whatever the server does', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 1 };
  const { counts, lanes } = await generate(server, { rate: 100, clients: 3, durationMs: 1000 });
  const times = lanes.flatMap(({ sent }) => sent.map(({ sentMs }) => Math.round(sentMs))).sort((a, b) => a - b);
  t.same(times.slice(0, 4), [0, 10, 20, 30]);
  t.ok(times.length >= 100 && times.length <= 101);
  t.equal(percentilesOf(counts.lateness)?.maxUs, 0, 'sent when due');
  t.same(new Set(lanes.map(({ sent }) => sent.length >= 33)), new Set([true]), 'in turns');
});

t.test('what waits is bounded: older operations are dropped and counted', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: () => Infinity };
  const { counts, result } = await generate(server, { rate: 1000, durationMs: 20_000, timeoutMs: 500 });
  t.equal(result.waitingAtEnd, 10_000, 'ten seconds of the rate');
  t.ok(result.dropped >= 19_990, 'nothing of it was ever sent');
  t.match(counts.errors, [{ code: 'no_answer', operation: 'read', unknown: false, count: 1 }]);
});

t.test('a rate that is too high is seen by what waits at the end', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 10 };
  const { counts, result } = await generate(server, { rate: 200, durationMs: 2000, timeoutMs: 5000 });
  t.ok(result.waitingAtEnd > 195 && result.waitingAtEnd < 205, `${result.waitingAtEnd}`);
  t.equal(mergeLatencies(Object.values(counts.latencies)).count, 401, 'what was due is sent and measured all the same');
  t.ok(counts.finishedInTime <= 200, 'and does not count as throughput');
});

t.test('a closed loop keeps the pipelines of all clients full', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 10 };
  const { counts, latencies, lanes, seconds } = await generate(server, { clients: 4, pipeline: 8, durationMs: 3000 });
  isAbout(t, latencies?.p50Us, 10_000);
  t.ok(Math.abs(counts.finishedInTime - 3000 * 3.2) <= 32, `${counts.finishedInTime}`);
  t.equal(lanes.length, 4);
  t.equal(seconds.length, 3, 'a report each second');
  t.equal(
    seconds.reduce((sum, { operations }) => sum + operations, 0),
    latencies?.count,
  );
});

t.test('as many operations as were asked for, also where the measurement begins with a stall', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 1 };
  let lateMs = 0;
  const { latencies } = await generate(server, {
    rate: 100,
    warmUpMs: 1005,
    durationMs: Infinity,
    operations: 10,
    clock: { ...server.time.clock, monotonicMs: () => server.time.clock.monotonicMs() + lateMs },
    onBegin: () => (lateMs = 50),
  });
  t.equal(latencies?.count, 10, 'those that were due within the stall are among them');
});

t.test('the warm-up is not counted', async (t) => {
  const slow = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + (sentMs < 990 ? 100 : 1) };
  for (const rate of [null, 100]) {
    const { latencies } = await generate(
      { ...slow, time: new VirtualTime() },
      { rate, clients: 20, warmUpMs: 1000, durationMs: 1000 },
    );
    isAbout(t, latencies?.maxUs, 1000, rate === null ? 'closed' : 'open');
  }
});

t.test('a number of operations ends the run', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 2 };
  for (const rate of [null, 1000]) {
    const given = { rate, clients: 2, pipeline: 3, warmUpMs: 100.5, durationMs: Infinity, operations: 101 };
    const { latencies, result } = await generate({ ...server, time: new VirtualTime() }, given);
    t.equal(latencies?.count, 101);
    t.ok(result.elapsedMs < 200);
  }
});

t.test(
  'what began in time is waited for; what never ends is an error, of unknown outcome if it is a write',
  async (t) => {
    const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => (sentMs < 900 ? sentMs + 1 : Infinity) };
    const source = { ...READS, kind: Kind.UPDATE };
    const { counts } = await generate(server, { clients: 5, pipeline: 2, durationMs: 1000, source });
    t.match(counts.errors, [{ code: 'no_answer', operation: 'update', unknown: true, count: 10 }]);
  },
);

t.test('a client that is refused waits longer and longer; refusals are no latencies', async (t) => {
  const failure = { code: 'BUSY', message: 'BUSY too much', unknown: false };
  const server: FakeServer = {
    time: new VirtualTime(),
    answerAtMs: (sentMs) => sentMs + 1,
    failureAt: (sentMs) => (sentMs >= 1000 && sentMs < 3000 ? failure : null),
  };
  const { counts, latencies } = await generate(server, { durationMs: 4000 });
  t.match(counts.errors, [{ code: 'BUSY', operation: 'read', unknown: false, example: 'BUSY too much' }]);
  const refused = counts.errors[0]?.count ?? 0;
  t.ok(refused > 20 && refused < 40, `${refused} times in two seconds: at most every 100 ms`);
  t.ok((latencies?.count ?? 0) > 1850, 'and goes on at once when it is served again');
  isAbout(t, latencies?.maxUs, 1000);
});

t.test('a read-modify-write is one operation, from its read to the end of its write', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 3 };
  const source = { ...READS, kind: Kind.RMW_READ, key: 7 };
  const { counts, lanes, latencies } = await generate(server, { durationMs: 600, source });
  t.same(Object.keys(counts.latencies), ['rmw']);
  isAbout(t, latencies?.p50Us, 6000);
  t.same(
    lanes[0]?.sent.slice(0, 4).map(({ key, kind }) => [kind, key]),
    [Kind.RMW_READ, Kind.RMW_WRITE, Kind.RMW_READ, Kind.RMW_WRITE].map((kind) => [kind, 7]),
  );
});

t.test('a load writes every key once and ends', async (t) => {
  const server = { time: new VirtualTime(), answerAtMs: (sentMs: number) => sentMs + 1 };
  const source = new LoadSource(1000, 1, 3);
  const { lanes, latencies } = await generate(server, { clients: 3, pipeline: 4, durationMs: Infinity, source });
  const keys = lanes.flatMap(({ sent }) => sent.map(({ key }) => key)).sort((a, b) => a - b);
  t.equal(latencies?.count, 333);
  t.same([keys[0], keys.at(-1), new Set(keys).size], [334, 666, 333], 'of the second of three threads');
});

t.test('nobody there: cannot_connect; some are: the run goes on with them', async (t) => {
  const time = new VirtualTime();
  const refused = { time, answerAtMs: () => Infinity, refused: true };
  await t.rejects(generate(refused, { clients: 2 }), {
    code: 'cannot_connect',
    message: /fake:1 cannot be reached/,
  });
  const good = { time, answerAtMs: (sentMs: number) => sentMs + 1 };
  const lanes = [...fakeLanes(refused, 1, 1).factories, ...fakeLanes(good, 1, 1).factories];
  const { latencies } = await generate(good, { lanes, durationMs: 100 });
  t.ok((latencies?.count ?? 0) >= 99);
});

t.test('a run that is stopped keeps what it has measured', async (t) => {
  const time = new VirtualTime();
  const { factories } = fakeLanes({ time, answerAtMs: (sentMs) => sentMs + 1 }, 1, 1);
  const generator = new Generator({
    lanes: factories,
    source: READS,
    rate: null,
    phase: 0,
    warmUpMs: 100,
    durationMs: 60_000,
    operations: Infinity,
    timeoutMs: 1000,
    clock: time.clock,
    scheduler: time.scheduler,
    waker: time.createWaker(),
  });
  time.at(600, () => generator.stop());
  const { elapsedMs } = await time.run(generator.run());
  t.equal(elapsedMs, 500);
  t.equal(generator.recorder.counts().finishedInTime, 500);
});
