import t from 'tap';
import { createPrng } from '../../../../src/base/prng.js';
import { checkCausal, checkSessions, checkVersions, type Operation } from '../../../../src/check/index.js';
import { simulateStore, type Fault, type StoreOptions } from './store.js';

const VARIANTS: readonly StoreOptions[] = [
  { operations: 300, clients: 4 },
  { operations: 300, clients: 8, keys: 1, deletes: 0.3 },
  { operations: 300, clients: 6, unknown: 0.1, drops: 0.1 },
  { operations: 300, clients: 6, unknown: 0.1, deletes: 0.3, isNameless: true },
  { operations: 300, clients: 40, replicas: 7, keys: 20, isNameless: true },
];

t.test('what a causal store does is accepted, with and without versions (ap.md §1.2)', async (t) => {
  for (const [at, options] of VARIANTS.entries()) {
    for (let seed = 1; seed <= 40; seed++) {
      const { history, truth } = simulateStore(createPrng(seed * 31 + at), options);
      for (const level of ['cc', 'ccv'] as const) {
        const { ambiguous, verdict, violation } = checkCausal(history, { level });
        if (verdict !== 'ok') t.fail(`variant ${at}, seed ${seed}, ${level}: ${violation?.sentences.join(' ')}`);
        if (options.deletes === 0 && options.isNameless !== true) t.equal(ambiguous, 0);
      }
      if (checkVersions(history).verdict !== 'ok') t.fail(`variant ${at}, seed ${seed}: versions`);
      const sessions = checkSessions(truth);
      if (sessions.verdict !== 'ok') t.fail(`variant ${at}, seed ${seed}: ${sessions.violations[0]?.message}`);
    }
  }
  t.pass('all of them');
});

interface Noticed {
  readonly cc: number;
  readonly ccv: number;
  readonly versions: number;
  readonly sessions: number;
}

function notice(fault: Fault, operations: number, isNameless = false): Noticed {
  const noticed = { cc: 0, ccv: 0, versions: 0, sessions: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    const { history, truth } = simulateStore(createPrng(seed), {
      operations,
      clients: 6,
      drops: 0.005,
      fault,
      isNameless,
    });
    noticed.cc += Number(checkCausal(history, { level: 'cc' }).verdict === 'violation');
    noticed.ccv += Number(checkCausal(history).verdict === 'violation');
    noticed.versions += Number(checkVersions(history).verdict === 'violation');
    noticed.sessions += Number(checkSessions(truth).verdict === 'violation');
  }
  return noticed;
}

t.test('a store that forgets what its sessions have seen is noticed by every check', async (t) => {
  const { cc, ccv, sessions, versions } = notice('no-token', 300);
  t.ok(cc > 35, `${cc} of 40`);
  t.ok(ccv >= cc, `${ccv} of 40`);
  t.ok(versions > 35, `${versions} of 40`);
  t.equal(sessions, 40);
});

t.test('a store that applies writes before what they depend on is noticed by the causal check', async (t) => {
  const { cc, ccv } = notice('no-dependencies', 600);
  t.ok(cc > 10, `${cc} of 40`);
  t.ok(ccv > 20, `${ccv} of 40`);
});

t.test('replicas that do not agree on who wins are noticed by ccv alone', async (t) => {
  const { cc, ccv } = notice('last-come-wins', 600, true);
  t.equal(cc, 0);
  t.ok(ccv > 25, `${ccv} of 40`);
  const named = notice('last-come-wins', 600);
  t.equal(named.cc, 0);
  t.ok(named.ccv > ccv, `versions say more: ${named.ccv} of 40`);
});

/** Something that the store never does, put at the end of a session. */
function corrupted(history: readonly Operation[], changes: readonly Partial<Operation>[]): Operation[] {
  const now = (history.at(-1)?.return ?? 0) + 1;
  const added = changes.map((change, at): Operation => ({
    client: 'x',
    kind: 'get',
    key: 'k1',
    value: null,
    call: now + 2 * at,
    return: now + 2 * at + 1,
    outcome: 'ok',
    ...change,
  }));
  return [...history, ...added];
}

t.test(
  'one wrong operation in a good history is found, and shown with few operations (ap.md appendix C)',
  async (t) => {
    for (let seed = 1; seed <= 30; seed++) {
      const { history } = simulateStore(createPrng(seed), { operations: 500, clients: 5, deletes: 0 });
      const refused = (pattern: string, length: number, ...changes: readonly Partial<Operation>[]): void => {
        const { verdict, violation } = checkCausal(corrupted(history, changes));
        t.match({ verdict, violation }, { verdict: 'violation', violation: { pattern } }, `${pattern}, seed ${seed}`);
        t.ok((violation?.operations.length ?? 99) <= length, `${pattern} is shown with ${length} operations`);
      };
      const put = (value: string, rest: Partial<Operation> = {}): Partial<Operation> => ({
        kind: 'put',
        value,
        ...rest,
      });
      refused('ThinAirRead', 1, { value: 'nobody' });
      refused('WriteCOInitRead', 2, put('mine'), {});
      refused('WriteCORead', 3, put('mine'), put('next'), { value: 'mine' });
      refused('CyclicCO', 2, { value: 'mine' }, put('mine'));
      const [a, b] = [{ client: 'a' }, { client: 'b' }];
      refused('CyclicCF', 4, put('a1', a), put('b1', b), { ...a, value: 'b1' }, { ...b, value: 'a1' });
      const seen = history.findLast(({ key, kind }) => kind === 'put' && key === 'k1');
      const read = { value: seen?.value ?? null };
      refused('WriteCORead', 4, read, put('mine'), read);
    }
  },
);
