import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatPlanFile } from '../../src/sim/plan/file.js';
import { drawPlan } from '../../src/sim/plan/draw/index.js';
import { run } from './program.js';

interface SimDocument {
  readonly ok: boolean;
  readonly engine: string;
  readonly endedBy: string;
  readonly violations: readonly { readonly seed: number; readonly invariant: string }[];
  readonly replay: readonly string[];
  readonly statistics: { readonly runs: number };
  readonly hash: number;
}

function document(stdout: string): SimDocument {
  return JSON.parse(stdout) as SimDocument;
}

/** No group elects a leader within a millisecond. */
function brokenPlan(): string {
  const plan = { ...drawPlan(1, { faults: [], replicas: 1 }), safetyMs: 500, livenessMs: 1 };
  return formatPlanFile({ about: 'a group that has no time to serve', plan });
}

t.test('seeds that keep every promise: a table, exit 0, nothing saved', async (t) => {
  const out = join(t.testdir(), 'failures');
  const { exit, stderr, stdout } = await run(['sim', '--seeds', '1..4', '--jobs', '2', '--out', out]);
  t.equal(exit, 0, stderr);
  t.match(stdout, /^seeds +4$/m);
  t.match(stdout, /^operations acknowledged +\d+$/m);
  t.match(stdout, /^4 seeds in .*0 violations; ended because all seeds are done$/m);
  t.notOk(existsSync(out));
});

t.test('JSON, restricted faults, a fixed number of replicas', async (t) => {
  const args = ['sim', '--seeds', '5', '--faults', 'crash,power', '--replicas', '5', '--jobs', '1', '-o', 'json'];
  const { exit, stdout } = await run([...args, '--check-determinism']);
  t.equal(exit, 0);
  t.match(document(stdout), { ok: true, engine: 'raft', endedBy: 'seeds', violations: [], statistics: { runs: 1 } });
});

t.test('a trace shows elections, messages, what is durable and what clients are told', async (t) => {
  const { exit, stdout } = await run(['sim', '--seeds', '2..2', '--faults', 'none', '--trace']);
  t.equal(exit, 0);
  t.match(stdout, /^ +\d+\.\d{3} +\d+ n\d +is leader in term \d+$/m);
  t.match(stdout, /-> n\d appendRequest term=/);
  t.match(stdout, / durable: term \d+ vote n\d/);
  t.match(stdout, / acknowledges revision 1$/m);
  t.match(await run(['sim', '--seeds', '1..2', '--trace']), { exit: 2, stderr: /--trace shows one seed/ });
});

t.test('a plan is replayed; a broken promise is exit 9, with the line that replays it', async (t) => {
  const folder = t.testdir({ 'good.json': '', 'bad.json': brokenPlan() });
  const plan = { ...drawPlan(3, { faults: ['crash'] }), safetyMs: 1000 };
  writeFileSync(join(folder, 'good.json'), formatPlanFile({ about: 'all is well', plan }));
  const good = await run(['sim', '--plan', join(folder, 'good.json'), '-o', 'json']);
  t.equal(good.exit, 0, good.stderr);
  const again = await run(['sim', '--plan', join(folder, 'good.json'), '-o', 'json']);
  t.equal(document(good.stdout).hash, document(again.stdout).hash, 'the same run each time');
  const file = join(folder, 'bad.json');
  const bad = await run(['sim', '--plan', file]);
  t.equal(bad.exit, 9);
  t.match(bad.stderr, /liveness, at [\d.]+ ms, event \d+: a healed quorum does not serve/);
  t.match(bad.stderr, new RegExp(`^replay: kvorum sim --plan ${file}$`, 'm'));
  t.match(bad.stderr, /docs\/errors\.md, check_failed/);
});

t.test('every engine has worlds of its own', async (t) => {
  for (const engine of ['raft', 'semisync', 'lww', 'causal']) {
    const { exit, stderr, stdout } = await run([
      'sim',
      '--engine',
      engine,
      '--seeds',
      '1..2',
      '--jobs',
      '1',
      '-o',
      'json',
    ]);
    t.equal(exit, 0, stderr);
    t.match(document(stdout), { engine, ok: true, statistics: { runs: 2 } });
  }
});

t.test('what cannot be is refused: exit 2', async (t) => {
  const refused: readonly (readonly [string[], RegExp])[] = [
    [['--engine', 'paxos'], /Allowed choices are raft/],
    [['--seeds', '9..1'], /write 7, 1\.\.1000 or 1\.\./],
    [['--seeds', '1..'], /need --minutes/],
    [['--faults', 'fire'], /no class of faults "fire": all, none, network/],
    [['--replicas', '0'], /a whole number from 1 to 9/],
    [['--minutes', '-1'], /a number above 0/],
    [['--plan', 'no-such-file.json'], /no-such-file\.json: ENOENT/],
  ];
  for (const [args, message] of refused) {
    t.match(await run(['sim', ...args]), { exit: 2, stdout: '', stderr: message }, args.join(' '));
  }
  const file = join(t.testdir({ 'odd.json': '{"plan":{"version":7}}' }), 'odd.json');
  t.match(await run(['sim', '--plan', file]), { exit: 2, stderr: /Not a plan of the simulator/ });
});
