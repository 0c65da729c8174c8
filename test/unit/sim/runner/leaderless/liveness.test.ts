import t from 'tap';
import type { LeaderlessAnswer } from '../../../../../src/sim/clients/leaderless/answer.js';
import { A, B, batch, dot, put } from '../../checks/leaderless/stage.js';
import { GOSSIP_MS, Healing, LIVENESS_MS, type HealingOptions } from './healing.js';

const at = (...positions: Parameters<typeof dot>[]): Map<typeof A, number> => new Map(positions);

/** Healed, with `prepare` before and `change` after that, until it agrees. */
async function converged(
  change: (healing: Healing) => void,
  prepare: (healing: Healing) => void = () => undefined,
  options: HealingOptions = {},
): Promise<string | null> {
  const healing = new Healing(options);
  prepare(healing);
  await healing.liveness.run();
  change(healing);
  return Healing.broken(() => healing.liveness.converge());
}

t.test('healed replicas serve in time, and so do their clients', async (t) => {
  const run = (options: HealingOptions): Promise<string | null> =>
    Healing.broken(() => new Healing(options).liveness.run());
  const busy: LeaderlessAnswer = { type: 'error', code: 'busy', hint: 'safe' } as never;
  t.equal(await run({}), null);
  t.equal(await run({ answer: () => null }), 'liveness', 'no answer');
  t.equal(await run({ answer: () => busy }), 'liveness', 'refusals only');
  t.equal(await run({ stuck: true }), 'liveness', 'a client waits for ever');
});

t.test('who refuses for a while serves in time', async (t) => {
  const healing: Healing = new Healing({
    answer: (_id, request) => (healing.time.nowMs < LIVENESS_MS / 2 ? { type: 'refused' } : healing.serves(request)),
  });
  t.equal(await Healing.broken(() => healing.liveness.run()), null);
});

t.test('what a healed replica acknowledges it shows', async (t) => {
  const run = async (show: (value: string | undefined) => { value: string; dot: ReturnType<typeof dot> }[]) => {
    const healing: Healing = new Healing({
      answer: (_id, request) => {
        const answer = healing.serves(request);
        if (answer.type !== 'read') return answer;
        return { ...answer, shown: { ...answer.shown, values: show(answer.shown.values[0]?.value) } };
      },
    });
    return Healing.broken(() => healing.liveness.run());
  };
  const other = { value: 'of somebody else', dot: dot(B, 1) };
  t.equal(await run((value = '') => [other, { value, dot: dot(A, 1) }]), null, 'among siblings');
  t.equal(await run(() => [other]), 'acknowledged-present');
  t.equal(await run(() => []), 'acknowledged-present');
});

t.test('reliability.md §3.3: all who are up come to have the same', async (t) => {
  t.equal(await converged(() => undefined), null);
  const late = (atMs: number) => (healing: Healing) => {
    healing.member('n2').vector = at([A, 1]);
    healing.at(atMs, () => (healing.member('n2').vector = at()));
  };
  t.equal(await converged(late(100)), null);
  t.equal(await converged(late(LIVENESS_MS + 1)), 'convergence', 'too late');
  const stopped = (healing: Healing): void => {
    healing.stage.crash('n2');
    healing.at(0, () => undefined);
  };
  t.equal(await converged(stopped), 'convergence', 'one does not run');
});

t.test('with everybody up all take part; who lacks what only the dead have need not', async (t) => {
  const behind = (healing: Healing): void => {
    healing.member('n2').ready = false;
  };
  t.equal(await converged(behind), 'convergence');
  const two = await Healing.of(['n1', 'n2']);
  behind(two);
  t.equal(await Healing.broken(() => two.liveness.converge()), null);
});

/** n2 catches up after so many rounds of gossip. */
function after(healing: Healing, rounds: number, wait = 0): Promise<string | null> {
  healing.member('n2').vector = at([A, 1]);
  healing.at(wait + rounds * GOSSIP_MS, () => (healing.member('n2').vector = at()));
  return Healing.broken(() => healing.liveness.converge());
}

t.test('§1.0.4: agreement takes logarithmically many rounds of gossip', async (t) => {
  const three = async (rounds: number): Promise<string | null> => {
    const healing = new Healing();
    await healing.liveness.run();
    return after(healing, rounds);
  };
  t.equal(await three(8 + 4 * 2), null, 'among three');
  t.equal(await three(8 + 4 * 2 + 0.1), 'convergence-rounds');
});

t.test('§1.0.4: where somebody is dead its silence takes a while to tell', async (t) => {
  t.equal(await after(await Healing.of(['n1', 'n2']), 8 + 4 * 1 + 19), null, 'two of three');
  t.equal(await after(await Healing.of(['n1', 'n2']), 8 + 4 * 1 + 19.1), 'convergence-rounds');
});

t.test('§1.0.4: rounds count from when all run: who waits to be started exchanges nothing', async (t) => {
  const started = async (rounds: number, waitMs: number): Promise<string | null> => {
    const healing = new Healing();
    await healing.liveness.run();
    const process = healing.stage.process('n3');
    const { leaderless } = process;
    process.leaderless = null;
    healing.time.after(waitMs, () => (process.leaderless = leaderless));
    // The last look at it while it was down is that of the millisecond before.
    return after(healing, rounds, waitMs - 1);
  };
  t.equal(await started(16, 300), null);
  t.equal(await started(16.1, 300), 'convergence-rounds');
});

t.test('§1.0.4: rounds count from when no disk is as slow as before the healing', async (t) => {
  /** n2 waits for its disk, for an operation that began `sinceMs` after the healing, until `waitMs` have gone. */
  const slow = async (rounds: number, sinceMs: number, waitMs: number): Promise<string | null> => {
    const healing = new Healing();
    const healedMs = healing.time.nowMs;
    await healing.liveness.run();
    const disk = healing.disk('n2');
    disk.busySinceMs = healedMs + sinceMs;
    healing.time.after(waitMs, () => (disk.busySinceMs = null));
    return after(healing, rounds, waitMs - 1);
  };
  t.equal(await slow(16, -1, 300), null, 'it began before');
  t.equal(await slow(16.1, -1, 300), 'convergence-rounds');
  t.equal(await slow(16, 0, 300), 'convergence-rounds', 'it began with the healing: the disk is well');
  t.equal(await slow(16, -1, LIVENESS_MS), 'convergence', 'no disk is waited for for ever');
});

t.test('§1.0.4: what is sent is about what was missing', async (t) => {
  const sent = (bytes: number, prepare?: (healing: Healing) => void, options?: HealingOptions) =>
    converged((healing) => healing.sends(bytes), prepare, options);
  t.equal(await sent(32_768), null, 'and some for what clients still write');
  t.equal(await sent(32_769), 'bytes-by-difference');
  const large = batch(A, 1, { commands: [put('k', '.'.repeat(10_000))] });
  const missing = 2 * large.encoded.length;
  const lacking = (healing: Healing): void => void healing.stage.has('n1', large);
  const equal = (healing: Healing): void => {
    for (const id of ['n1', 'n2', 'n3']) healing.member(id).vector = at();
  };
  const lacks = (bytes: number): Promise<string | null> =>
    converged((healing) => {
      equal(healing);
      healing.sends(bytes);
    }, lacking);
  t.equal(await lacks(8 * missing + 32_768), null, 'two lack it, and may hear it from several');
  t.equal(await lacks(8 * missing + 32_769), 'bytes-by-difference');
  t.equal(await sent(1_000_000, undefined, { hostile: true }), null, 'who believes a lie asks for what does not exist');
});

t.test('§1.0.4: what was sent while there were faults does not count', async (t) => {
  t.equal(
    await converged(
      () => undefined,
      (healing) => healing.sends(1_000_000),
    ),
    null,
  );
});

/** A client was told A:1, which only these have. */
const told =
  (...ids: readonly string[]) =>
  ({ stage }: Healing): void => {
    const [first = 'n1'] = ids;
    stage.has(ids.join(' '), batch(A, 1)).written(first, { value: 'n1~a:1' }, dot(A, 1));
  };

t.test('what clients were told is there in the end', async (t) => {
  const everybody = (vector: ReturnType<typeof at>) => (healing: Healing) => {
    for (const id of ['n1', 'n2', 'n3']) healing.member(id).vector = vector;
  };
  t.equal(await converged(everybody(at([A, 1])), told('n1')), null);
  t.equal(await converged(everybody(at()), told('n1')), 'acknowledged-present');
  t.equal(
    await converged(everybody(at()), (healing) => {
      told('n1')(healing);
      healing.stage.wipe('n1').start('n1').turn('n1');
    }),
    null,
    'but for what went with the only disks that had it',
  );
});

t.test('what only the dead have is not there, and need not be', async (t) => {
  const end = async (...ids: readonly string[]): Promise<string | null> => {
    const healing = await Healing.of(['n1', 'n2'], told(...ids));
    for (const id of ['n1', 'n2']) healing.member(id).vector = at();
    return Healing.broken(() => healing.liveness.converge());
  };
  t.equal(await end('n3'), null);
  t.equal(await end('n3', 'n1'), 'acknowledged-present', 'one of those who are up has it');
});

t.test('§1.0.6: with everybody up no tombstone is left', async (t) => {
  const left = (healing: Healing): void => {
    healing.member('n3').tombstones = 1;
  };
  t.equal(await converged(left), 'tombstones-collected');
  const collected = (healing: Healing): void => {
    left(healing);
    healing.at(LIVENESS_MS, () => (healing.member('n3').tombstones = 0));
  };
  t.equal(await converged(collected), null, 'after a while');
  const two = await Healing.of(['n1', 'n2']);
  two.member('n1').tombstones = 1;
  t.equal(await Healing.broken(() => two.liveness.converge()), null, 'who is dead holds them back');
});

t.test('who served answers the last reads, and equal vectors are equal states', async (t) => {
  const readBack = async (change: (healing: Healing) => void, mute = false): Promise<string | null> => {
    let isMute = false;
    const healing: Healing = new Healing({ answer: (_id, request) => (isMute ? null : healing.serves(request)) });
    await healing.liveness.run();
    isMute = mute;
    change(healing);
    return Healing.broken(() => healing.liveness.readBack());
  };
  t.equal(await readBack(() => undefined), null);
  t.equal(await readBack(() => undefined, true), 'liveness');
  const differs = (healing: Healing): void => {
    healing.member('n2').hash = 'another';
  };
  t.equal(await readBack(differs), 'convergence');
  const elsewhere = (healing: Healing): void => {
    differs(healing);
    healing.member('n2').vector = at([A, 1]);
  };
  t.equal(await readBack(elsewhere), null, 'of different vectors nothing follows');
});

t.test('§1.0.6: among those who are healed is one that has written, or all are', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const healing = new Healing({ core: ['n1', 'n2'], seed });
    healing.stage.checkpoint('n2', [dot(healing.member('n2').origin, 1)]);
    await healing.liveness.run();
    t.ok(healing.liveness.core.some(({ id }) => id === 'n2'));
    const fresh = new Healing({ core: ['n1', 'n2'], seed });
    await fresh.liveness.run();
    t.equal(fresh.liveness.core.length, 3);
  }
});
