import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { paletteFor, wantsColour } from '../../src/cli/output/colour.js';
import { formatTable } from '../../src/cli/output/table.js';

const KVORUM = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | null;
}

/** Runs `kvorum config …` as a user does, without what the environment of the test may say. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  const { status, stderr, stdout } = spawnSync(process.execPath, [KVORUM, 'config', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { stdout, stderr, exit: status };
}

t.test('check says in one line that a file is right', (t) => {
  const stdout =
    'configs/local.yaml: ok · cluster local · 3 replicas, all here · default (raft), carts (causal), likes (lww), feed (semisync)\n';
  t.same(run(['check', 'configs/local.yaml']), { stdout, stderr: '', exit: 0 });
  t.end();
});

t.test('check sends warnings to stderr', (t) => {
  const { exit, stderr, stdout } = run(['check', 'configs/hosts/n1.yaml']);
  t.equal(exit, 0);
  t.match(stdout, /3 replicas, here: n1/);
  t.match(stderr, /^configs\/hosts\/n1\.yaml:\d+:\d+: warning: replicas\.n1\.peer listens on 192\.0\.2\.1:7101/);
  t.end();
});

t.test('check refuses a broken file with exit code 3 and all that is wrong', (t) => {
  const { exit, stderr, stdout } = run(['check', 'configs/broken/many.yaml']);
  t.equal(exit, 3);
  t.equal(stdout, '', 'stdout is for results');
  t.equal(stderr.match(/: error: /g)?.length, 5);
  t.match(stderr, /unknown option "memroy": did you mean "memory"\?\n/);
  t.notOk(stderr.includes('\u001b'), 'no colour where there is no terminal');
  t.end();
});

t.test('explain shows values, origins and what was overruled', (t) => {
  const flags = ['--timing-heartbeat-ms', '20', '--memory', '--set', 'replicas.node1.http=127.0.0.1:9000'];
  const { exit, stdout } = run(['explain', 'configs/raft.yaml', ...flags], { KVORUM_LOG_LEVEL: 'debug' });
  t.equal(exit, 0);
  t.match(stdout, /^option +value +origin\n/);
  t.match(stdout, /^timing\.heartbeatMs +20 ms +flag --timing-heartbeat-ms \(configs\/raft\.yaml:\d+:\d+ said 50\)$/m);
  t.match(stdout, /^memory +true +flag --memory$/m);
  t.match(stdout, /^log\.level +debug +environment KVORUM_LOG_LEVEL$/m);
  t.match(stdout, /^replicas\.node1\.http +127\.0\.0\.1:9000 +flag --set replicas\.node1\.http /m);
  t.match(stdout, /^storage\.segmentBytes +67108864 bytes +default$/m);
  t.end();
});

t.test('explain as JSON; a flag before the file does not swallow it', (t) => {
  const { stdout } = run(['explain', '--no-storage-fsync', 'configs/local.yaml', '-o', 'json']);
  const { options } = JSON.parse(stdout) as { options: { option: string }[] };
  t.same(
    options.find(({ option }) => option === 'storage.fsync'),
    { option: 'storage.fsync', value: false, unit: null, origin: 'flag --storage-fsync', overruled: [] },
  );
  t.end();
});

t.test('schema prints JSON', (t) => {
  t.match(JSON.parse(run(['schema']).stdout), { title: 'Kvorum topology', required: ['cluster', 'replicas'] });
  t.end();
});

t.test('a wrong command line is exit code 2', (t) => {
  t.match(run(['check', 'configs/local.yaml', '--set', 'memory']), { exit: 2, stderr: /write path=value/ });
  t.match(run(['chek']), { exit: 2, stderr: /Did you mean check/ });
  t.end();
});

t.test('tables are aligned, and hostile text cannot drive the terminal', (t) => {
  t.equal(
    formatTable(
      ['key', 'n'],
      [
        ['a', '5'],
        ['long', '10'],
      ],
    ),
    'key    n\na      5\nlong  10',
  );
  t.equal(formatTable(['key'], [['\u001b[31mred\u001b[0m\n\u0007']]), 'key\nred\\n\\x07');
  t.end();
});

t.test('colour only where it is wanted', (t) => {
  t.equal(wantsColour({ isTTY: true }, {}), true);
  t.equal(wantsColour({ isTTY: false }, {}), false);
  t.equal(wantsColour({}, { FORCE_COLOR: '1' }), true);
  t.equal(wantsColour({ isTTY: true }, { NO_COLOR: '1' }), false);
  t.equal(wantsColour({ isTTY: true }, { TERM: 'dumb' }), false);
  t.equal(paletteFor({ isTTY: true }, {}).error('x'), '\u001b[31mx\u001b[0m');
  t.equal(paletteFor({}, {}).error('x'), 'x');
  t.end();
});
