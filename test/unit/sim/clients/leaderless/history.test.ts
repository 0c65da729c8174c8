import t from 'tap';
import { LeaderlessHistory, type Ended } from '../../../../../src/sim/clients/leaderless/history.js';
import { A, B, batch, dot, put, Stage, type StageOptions } from '../../checks/leaderless/stage.js';

const at = (...positions: Parameters<typeof dot>[]): Map<typeof A, number> => new Map(positions);
const A1 = batch(A, 1, { commands: [put('k0', 'one')] });
const A2 = batch(A, 2, { commands: [put('k0', 'two')] });

const wrote = { kind: 'put', value: 'one', dot: dot(A, 1), vector: at([A, 1]) } as const;
const read = { kind: 'get', value: 'one', dot: dot(A, 1), vector: at([A, 1]) } as const;
const readNothing = { kind: 'get', value: null, dot: null, vector: at() } as const;

/** What ends, one after the other: one session of one client, unless told otherwise. */
class Told {
  readonly stage: Stage;
  readonly history: LeaderlessHistory;

  constructor({ conflicts = 'lww', engine = 'causal' }: StageOptions = {}) {
    this.stage = new Stage({ conflicts, engine });
    this.history = new LeaderlessHistory(this.stage.checks.facts, { engine, siblings: conflicts === 'siblings' });
    this.stage.has('n1', A1, A2);
  }

  add(ended: Partial<Ended> & Pick<Ended, 'dot' | 'kind' | 'value' | 'vector'>): this {
    const call = this.history.tick();
    const names = { client: 1, session: 1, key: 'k0', call, outcome: 'ok' } as const;
    this.history.add({ ...names, wasAbsent: false, hasSession: true, ...ended });
    return this;
  }

  static broken(options: StageOptions, ...all: Parameters<Told['add']>[0][]): string | null {
    return Stage.broken(() => {
      const told = new Told(options);
      for (const ended of all) told.add(ended);
    });
  }

  /** As it is judged at the end, by what clients know. */
  static atEnd(options: StageOptions, ...all: Parameters<Told['add']>[0][]): string | null {
    return Stage.broken(() => {
      const told = new Told(options);
      for (const ended of all) told.add({ ...ended, hasSession: false });
      told.history.check();
    });
  }
}

for (const engine of ['lww', 'causal'] as const) {
  t.test(`${engine}: §1.2.6: a session reads its writes, and never goes back`, (t) => {
    t.equal(Told.broken({ engine }, wrote, read), null);
    t.equal(Told.broken({ engine }, wrote, readNothing), 'session-guarantees', 'read your writes');
    t.equal(Told.broken({ engine }, read, readNothing), 'session-guarantees', 'monotonic reads');
    const two = { ...read, value: 'two', dot: dot(A, 2), vector: at([A, 2]) };
    t.equal(Told.broken({ engine }, two, { ...read, vector: at([A, 2]) }), 'session-guarantees', 'an older version');
    t.equal(Told.broken({ engine }, read, two), null);
    t.end();
  });

  t.test(`${engine}: §1.2.6: nothing is promised across sessions, to whom has none, and of what is unknown`, (t) => {
    t.equal(Told.broken({ engine }, wrote, { ...readNothing, session: 2 }), null);
    t.equal(Told.broken({ engine }, wrote, { ...readNothing, client: 2 }), null);
    t.equal(Told.broken({ engine }, wrote, { ...readNothing, hasSession: false }), null);
    t.equal(Told.broken({ engine }, { ...wrote, outcome: 'unknown' }, readNothing), null);
    t.end();
  });

  t.test(`${engine}: a delete that found nothing has read nothing`, (t) => {
    const absent = { kind: 'delete', value: null, dot: null, wasAbsent: true } as const;
    t.equal(Told.broken({ engine }, wrote, { ...absent, vector: at([A, 1]) }), 'session-guarantees');
    t.equal(Told.broken({ engine }, { ...absent, vector: at() }, wrote), null);
    t.end();
  });

  t.test(`${engine}: of values that expire the version says nothing, the vector all`, (t) => {
    const key = 'e0';
    const versions = [
      { ...read, key, value: 'two', dot: dot(A, 2), vector: at([A, 2]) },
      { ...read, key, vector: at([A, 2]) },
    ];
    t.equal(Told.broken({ engine }, ...versions), null);
    t.equal(Told.broken({ engine }, { ...wrote, key }, { ...readNothing, key }), 'session-guarantees');
    t.equal(Told.atEnd({ engine }, ...versions), null);
    t.end();
  });
}

t.test('§1.2.6: causal: writes of a session come one after another, for everybody; lww does not promise it', (t) => {
  for (const engine of ['lww', 'causal'] as const) {
    const second = (dependencies: ReturnType<typeof dot>[]): string | null =>
      Stage.broken(() => {
        const told = new Told({ engine, conflicts: 'lww' });
        told.stage.has('n1', batch(B, 1, { counter: 9, dependencies, commands: [put('k1', 'next')] }));
        told.add(wrote).add({ kind: 'put', key: 'k1', value: 'next', dot: dot(B, 1), vector: at([B, 1]) });
      });
    t.equal(second([dot(A, 1)]), null);
    t.equal(second([]), engine === 'lww' ? null : 'session-guarantees');
  }
  t.end();
});

t.test('§1.1.4: of several siblings no single version says what a session has seen; the vector does', (t) => {
  const options = { conflicts: 'siblings' } as const;
  const two = { ...read, value: 'two', dot: dot(A, 2), vector: at([A, 2]) };
  t.equal(Told.broken(options, two, { ...read, vector: at([A, 2]) }), null);
  t.equal(Told.broken(options, two, { ...read, vector: at([A, 1]) }), 'session-guarantees');
  t.end();
});

t.test('at the end: lww: versions of a session never go back (ap.md Appendix C)', (t) => {
  const two = { ...read, value: 'two', dot: dot(A, 2) };
  t.equal(Told.atEnd({ engine: 'lww' }, wrote, read, two), null);
  t.equal(Told.atEnd({ engine: 'lww' }, two, read), 'session-versions');
  t.end();
});

t.test('at the end: causal: somebody could have seen it so (ap.md Appendix C)', (t) => {
  t.equal(Told.atEnd({}, wrote, read), null);
  t.equal(Told.atEnd({}, wrote, readNothing), 'causal-convergence', 'its own write is gone');
  const never = { ...read, value: 'never written', client: 2 };
  t.equal(Told.atEnd({}, wrote, never), 'causal-convergence', 'out of thin air');
  t.equal(Told.atEnd({ conflicts: 'siblings' }, wrote, readNothing), null, 'siblings are judged as they are shown');
  t.end();
});

t.test('at the end: a history makes sense up to the first loss, and what began before that', (t) => {
  for (const engine of ['lww', 'causal'] as const) {
    const broken = (after: (told: Told) => unknown, before: (told: Told) => unknown = () => undefined): string | null =>
      Stage.broken(() => {
        const told = new Told({ engine });
        told.add({ ...wrote, hasSession: false });
        before(told);
        told.stage.wipe('n1').start('n1').turn('n1');
        after(told);
        told.history.check();
      });
    const gone = { ...readNothing, hasSession: false } as const;
    const back = { ...read, hasSession: false } as const;
    t.equal(
      broken((told) => told.add(gone)),
      null,
      'what began after it',
    );
    const late = (told: Told): Told => told.add({ ...gone, call: 1 });
    t.equal(broken(late), null, 'a read that began before it and ended after it');
    const name = engine === 'lww' ? 'session-versions' : 'causal-convergence';
    const wrong = (told: Told): Told =>
      told.add({ ...back, value: 'two', dot: dot(A, 2) }).add(engine === 'lww' ? back : gone);
    t.equal(
      broken(() => undefined, wrong),
      name,
      'not what ended before it',
    );
  }
  t.end();
});
