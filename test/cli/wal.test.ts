import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { logIndex, groupId, originId, originLog, replicaId, term } from '../../src/base/brand.js';
import { openStorage } from '../../src/storage/index.js';
import type { Log, LogRecord } from '../../src/storage/storage.js';
import { pairOf } from '../fixtures/membership.js';

const KVORUM = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));
const GROUP = groupId('default', 0);

function run(...args: readonly string[]): { stdout: string; stderr: string; exit: number | null } {
  const { status, stderr, stdout } = spawnSync(process.execPath, [KVORUM, ...args], { encoding: 'utf8' });
  return { stdout, stderr, exit: status };
}

function append(log: Log, records: readonly LogRecord[]): Promise<void> {
  return new Promise((resolve) => log.append(records, true, resolve));
}

/** A folder with a hard state, five entries and a second group. */
async function folder(t: Test): Promise<{ dir: string; segment: string }> {
  const dir = join(t.testdir(), 'n1');
  const identity = { cluster: 'demo', replica: replicaId('n1') };
  const storage = await openStorage({ dir, identity, segmentBytes: 1_000_000, fsync: false });
  const hardState = { term: term(4), vote: replicaId('n2'), commit: logIndex(0) };
  await append(storage.log, [{ kind: 'hardState', group: GROUP, hardState, memberships: pairOf('n1', 'n2') }]);
  for (let index = 1; index <= 5; index++) {
    const entry = { index: logIndex(index), term: term(4), kind: 'commands', payload: Buffer.alloc(100, 'x') } as const;
    await append(storage.log, [
      {
        kind: 'entry',
        group: index === 5 ? groupId('carts', 0) : GROUP,
        entry: index === 5 ? { ...entry, index: logIndex(1) } : entry,
      },
    ]);
  }
  await storage.close();
  const [name = ''] = readdirSync(join(dir, 'log'));
  return { dir, segment: join(dir, 'log', name) };
}

t.test('verify: a whole log', async (t) => {
  const { dir, segment } = await folder(t);
  const before = readFileSync(segment);
  const { exit, stderr, stdout } = run('wal', 'verify', dir);
  t.equal(exit, 0, stderr);
  t.match(stdout, /^segment +first +last +bytes/);
  t.match(stdout, /^default\/0 +4 +n2 +0 +4 +4$/m);
  t.match(stdout, /^carts\/0 +0 +- +0 +1 +1$/m);
  t.match(stdout, /: ok, 8 records in \d+ bytes\n$/);
  const json = JSON.parse(run('-o', 'json', 'wal', 'verify', dir).stdout) as Record<string, unknown>;
  t.match(json, {
    ok: true,
    cluster: 'demo',
    replica: 'n1',
    records: 8,
    tornTail: null,
    groups: [{ group: 'default/0' }, {}],
  });
  t.ok(readFileSync(segment).equals(before), 'nothing was changed');
});

t.test('verify: a torn tail is no damage, and is left alone', async (t) => {
  const { dir, segment } = await folder(t);
  const bytes = readFileSync(segment);
  writeFileSync(segment, bytes.subarray(0, -40));
  const { exit, stdout } = run('wal', 'verify', dir);
  t.equal(exit, 0);
  t.match(stdout, /torn tail: \d+ bytes after offset \d+ of .*segment-0+1\.log .*never durable/);
  t.equal(readFileSync(segment).length, bytes.length - 40);
  t.match(JSON.parse(run('-o', 'json', 'wal', 'verify', dir).stdout), { ok: true, tornTail: { file: segment } });
});

t.test('verify: damage ends with exit code 9, naming file and offset', async (t) => {
  const { dir, segment } = await folder(t);
  const bytes = readFileSync(segment);
  const at = bytes.indexOf('xxxx');
  bytes[at] = 0;
  writeFileSync(segment, bytes);
  const { exit, stderr, stdout } = run('wal', 'verify', dir);
  t.equal(exit, 9);
  t.equal(stdout, '');
  t.match(stderr, /segment-0+1\.log: offset \d+ \(record 3\): the payload checksum is wrong/);
  t.match(JSON.parse(run('-o', 'json', 'wal', 'verify', dir).stdout), { ok: false, damage: { seq: 3, file: segment } });
  const dumped = run('wal', 'dump', dir);
  t.equal(dumped.exit, 9);
  t.match(dumped.stdout, /hardState/, 'what is good is listed');
});

t.test('dump: lists records, of one group, up to a limit', async (t) => {
  const { dir } = await folder(t);
  const { exit, stdout } = run('wal', 'dump', dir);
  t.equal(exit, 0);
  t.match(stdout, /^ *2 +\d+ +hardState +default\/0 +4 +vote n2 commit 0 voters n1 n2$/m);
  t.match(stdout, /^ *3 +\d+ +entry +default\/0 +1 +4 +100 +commands$/m);
  t.match(stdout, /^ *8 +\d+ +mark +everything up to 7 is durable$/m);
  const lines = run('-o', 'json', 'wal', 'dump', dir, '--group', 'carts/0').stdout.trim().split('\n');
  t.same(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      {
        seq: 7,
        offset: (JSON.parse(lines[0] ?? '') as { offset: number }).offset,
        kind: 'entry',
        group: 'carts/0',
        index: 1,
        term: 4,
        bytes: 100,
        detail: 'commands',
      },
    ],
  );
  const limited = run('-o', 'json', 'wal', 'dump', dir, '--limit', '2');
  t.equal(limited.stdout.trim().split('\n').length, 2);
  t.match(limited.stderr, /stopped after 2/);
});

t.test('dump: write quorums, epochs by force, and who is being rebuilt (ap.md §1.3.4, §1.3.5)', async (t) => {
  const dir = join(t.testdir(), 'n1');
  const identity = { cluster: 'demo', replica: replicaId('n1') };
  const storage = await openStorage({ dir, identity, segmentBytes: 1_000_000, fsync: false });
  const group = groupId('feed', 0);
  const state = (vote: string | null): LogRecord => {
    const hardState = { term: term(66), vote: vote === null ? null : replicaId(vote), commit: logIndex(0) };
    return { kind: 'hardState', group, hardState, memberships: null };
  };
  const entry = (index: number, kind: 'noop' | 'quorum', ...payload: number[]): LogRecord => {
    return {
      kind: 'entry',
      group,
      entry: { index: logIndex(index), term: term(66), kind, payload: Buffer.from(payload) },
    };
  };
  await append(storage.log, [state('n2'), entry(1, 'noop'), entry(2, 'quorum', 3), entry(3, 'noop', 1)]);
  await append(storage.log, [entry(4, 'noop', 0, 1), entry(5, 'noop', 1, 2)]);
  const restart = { kind: 'checkpoint', group, index: logIndex(2), term: term(130), replaces: true } as const;
  await append(storage.log, [state(null), restart]);
  await storage.close();
  const { stdout } = run('wal', 'dump', dir);
  t.match(stdout, /hardState +feed\/0 +66 +vote n2 commit 0$/m);
  t.match(stdout, /entry +feed\/0 +1 +66 +0 +noop$/m);
  t.match(stdout, /entry +feed\/0 +2 +66 +1 +quorum 3$/m);
  t.match(stdout, /entry +feed\/0 +3 +66 +1 +noop by force$/m);
  t.match(stdout, /entry +feed\/0 +4 +66 +2 +noop quorum 1$/m);
  t.match(stdout, /entry +feed\/0 +5 +66 +2 +noop by force quorum 2$/m);
  t.match(stdout, /hardState +feed\/0 +66 +vote - commit 0 rebuilding$/m);
  t.match(stdout, /checkpoint +feed\/0 +2 +130 +of another history$/m);
  t.match(run('wal', 'verify', dir).stdout, /^feed\/0 +66 +- +2 +2 +0$/m);
});

t.test('a folder that is in use, or none, is refused', async (t) => {
  const { dir } = await folder(t);
  const identity = { cluster: 'demo', replica: replicaId('n1') };
  const storage = await openStorage({ dir, identity, segmentBytes: 1_000_000, fsync: false });
  const child = spawn(process.execPath, [KVORUM, 'wal', 'verify', dir], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exit = await new Promise((resolve) => child.on('close', resolve));
  t.equal(exit, 1);
  t.match(stderr, new RegExp(`held by process ${process.pid}`));
  await storage.close();
  t.equal(run('wal', 'verify', t.testdir()).exit, 2);
});

t.test('the logs of origins are listed with their group, by position and boot', async (t) => {
  const dir = join(t.testdir(), 'n1');
  const identity = { cluster: 'demo', replica: replicaId('n1') };
  const storage = await openStorage({ dir, identity, segmentBytes: 1_000_000, fsync: false });
  const likes = groupId('likes', 0);
  const own = originLog(likes, originId('n1~0123456789abcdef'));
  const other = originLog(likes, originId('n2~0123456789abcdef'));
  const entry = { index: logIndex(1), term: term(3), kind: 'commands', payload: Buffer.alloc(10, 'x') } as const;
  await append(storage.log, [
    { kind: 'entry', group: own, entry },
    { kind: 'checkpoint', group: other, index: logIndex(70), term: term(2) },
    { kind: 'entry', group: GROUP, entry },
  ]);
  await storage.close();
  const verified = run('wal', 'verify', dir);
  t.equal(verified.exit, 0, verified.stderr);
  t.match(verified.stdout, /^likes\/0@n1~0123456789abcdef +3 +- +0 +1 +1$/m);
  t.match(verified.stdout, /^likes\/0@n2~0123456789abcdef +2 +- +70 +70 +0$/m);
  const dumped = run('wal', 'dump', dir, '--group', 'likes/0').stdout.trim().split('\n').slice(1);
  t.match(dumped[0], /entry +likes\/0@n1~0123456789abcdef +1 +3 +10/);
  t.match(dumped[1], /checkpoint +likes\/0@n2~0123456789abcdef +70 +2/);
  t.equal(dumped.length, 2, 'and nothing of other groups');
});
