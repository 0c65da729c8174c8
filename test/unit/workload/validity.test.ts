import t from 'tap';
import { judge, type JudgedRun } from '../../../src/workload/validity.js';
import { settings } from './settings.js';

const fine: JudgedRun = {
  threads: [
    { busy: 0.4, delayP99Ms: 3 },
    { busy: 0.9, delayP99Ms: 1 },
  ],
  elapsedMs: 10_000,
  waitingAtEnd: 0,
  dropped: 0,
};

function reasons(rate: number | null, changes: Partial<JudgedRun>): string[] {
  return judge(settings({ rate }), { ...fine, ...changes }).map(({ reason }) => reason);
}

t.test('a run is valid unless the generator was what was measured', async (t) => {
  t.same(reasons(null, {}), []);
  t.same(reasons(1000, { waitingAtEnd: 99 }), [], 'a moment’s backlog is none');
});

t.test('any thread that is busy all the time makes it invalid', async (t) => {
  const threads = [...fine.threads, { busy: 0.97, delayP99Ms: 1 }];
  t.same(reasons(null, { threads }), ['generator_busy']);
  t.same(reasons(null, { threads, elapsedMs: 100 }), [], 'too short to tell');
  t.match(judge(settings(), { ...fine, threads })[0]?.text, /97 % of the time \(at most 95 %\).*--threads/);
});

t.test('and one that is held up', async (t) => {
  const threads = [{ busy: 0.2, delayP99Ms: 80 }];
  t.same(reasons(null, { threads }), ['generator_delayed']);
  t.same(reasons(null, { threads: [{ busy: 0.2, delayP99Ms: null }] }), [], 'too short to tell');
});

t.test('and a rate that was not kept', async (t) => {
  t.same(reasons(1000, { waitingAtEnd: 101 }), ['rate_not_kept']);
  t.same(reasons(1000, { dropped: 1 }), ['rate_not_kept']);
  t.same(reasons(null, { waitingAtEnd: 0, dropped: 0 }), []);
  t.match(
    judge(settings({ rate: 1000 }), { ...fine, dropped: 7 })[0]?.text,
    /rate of 1000\/s .* 7 were dropped; lower/,
  );
});
