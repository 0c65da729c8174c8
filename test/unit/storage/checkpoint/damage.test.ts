// Flips single bits of a checkpoint file, one at a time; reads in a child process, for LMDB may end it with a signal.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { logIndex, term } from '../../../../src/base/brand.js';
import { LmdbCheckpoint } from '../../../../src/storage/checkpoint/lmdb-checkpoint.js';
import { openRecord, sealRecord } from '../../../../src/storage/checkpoint/record.js';
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js';
import type { CheckpointMark } from '../../../../src/storage/storage.js';
import { formedBy } from '../../../fixtures/membership.js';

const KEYS = 1500;
const FLIPS = 250;
const MODULE = new URL('../../../../src/storage/checkpoint/lmdb-checkpoint.js', import.meta.url).href;
const FILES = new URL('../../../../src/storage/node-file-system.js', import.meta.url).href;

/** Reads everything in all ways. Prints a line per flip: for each way `exact`, `refused`, or what else it was. */
const READER = `
  import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
  import { LmdbCheckpoint } from ${JSON.stringify(MODULE)};
  import { nodeFileSystem } from ${JSON.stringify(FILES)};
  const [, dir, work, from] = process.argv;
  const good = readFileSync(dir + '/gen-1.mdb');
  const keys = Array.from({ length: ${KEYS} }, (_, at) => 'key' + String(at).padStart(5, '0'));
  const valueOf = (key) => (key + '-').repeat(12);
  const attempt = (read) => {
    try {
      return read();
    } catch (error) {
      return error.code === 'checkpoint_corrupt' ? 'refused' : 'error ' + error.message;
    }
  };
  const worst = (outcomes) => ['wrong', 'absent', 'refused'].find((one) => outcomes.has(one)) ?? [...outcomes].join();
  for (let flip = Number(from); flip < ${FLIPS}; flip++) {
    const at = Math.floor((flip + 0.37) * good.length / ${FLIPS});
    const bytes = Buffer.from(good);
    bytes[at] ^= 1 << (flip % 8);
    const place = work + '/' + flip;
    mkdirSync(place, { recursive: true });
    writeFileSync(place + '/gen-1.mdb', bytes);
    process.stdout.write(flip + ' ');
    let store;
    const open = attempt(() => {
      store = new LmdbCheckpoint(nodeFileSystem, place);
      return store.mark?.index === 2 && Buffer.from(store.mark.meta).toString() === 'meta' ? 'exact' : 'wrong';
    });
    const result = { flip, open };
    if (store !== undefined) {
      result.get = worst(new Set(keys.map((key) => attempt(() => {
        const value = store.get(key);
        return value === undefined ? 'absent' : Buffer.from(value).toString() === valueOf(key) ? 'exact' : 'wrong';
      }))));
      result.range = attempt(() => {
        const pairs = [...store.range('', null)];
        return pairs.length === keys.length && pairs.every(([key, value], at) =>
          key === keys[at] && Buffer.from(value).toString() === valueOf(key)) ? 'exact' : 'wrong';
      });
      result.stream = attempt(() => {
        const source = store.openSnapshot();
        let bytes = 0;
        for (let piece = source.next(65536); piece !== null; piece = source.next(65536)) bytes += piece.length;
        source.close();
        return bytes > keys.length * (8 + 108) ? 'exact' : 'wrong';
      });
      await store.close().catch(() => undefined);
    }
    rmSync(place, { recursive: true });
    process.stdout.write(JSON.stringify(result) + '\\n');
  }
`;

interface Outcome {
  readonly flip: number;
  readonly open: string;
  readonly get?: string;
  readonly range?: string;
  readonly stream?: string;
}

function markAt(index: number): CheckpointMark {
  return {
    index: logIndex(index),
    term: term(1),
    membership: formedBy('n1'),
    meta: Buffer.from('meta'),
  };
}

/** Runs readers, each from behind the flip that ended the one before. */
async function readDamaged(dir: string, work: string): Promise<{ outcomes: Outcome[]; crashes: number }> {
  const outcomes: Outcome[] = [];
  let crashes = 0;
  for (let from = 0; from < FLIPS;) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', READER, dir, work, String(from)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    const lines = output.split('\n').filter((line) => line !== '');
    for (const line of lines) {
      const json = line.slice(line.indexOf(' ') + 1);
      if (json !== '') outcomes.push(JSON.parse(json) as Outcome);
    }
    if (code === 0) break;
    crashes++;
    from = Number.parseInt(lines.at(-1) ?? String(from), 10) + 1;
  }
  return { outcomes, crashes };
}

t.test('a flipped bit is refused or does no harm: no wrong value, no short range or snapshot', async (t) => {
  const dir = join(t.testdir(), 'good');
  const store = new LmdbCheckpoint(nodeFileSystem, dir);
  const keys = Array.from({ length: KEYS }, (_, at) => `key${String(at).padStart(5, '0')}`);
  await store.write(
    markAt(1),
    keys.map((key) => [key, Buffer.from('old')]),
  );
  await store.write(
    markAt(2),
    keys.map((key) => [key, Buffer.from(`${key}-`.repeat(12))]),
  );
  await store.close();
  const { outcomes, crashes } = await readDamaged(dir, join(t.testdirName, 'work'));
  t.equal(outcomes.length + crashes, FLIPS);
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    for (const way of ['open', 'get', 'range', 'stream'] as const) {
      const what = `${way} ${outcome[way] ?? 'not tried'}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      t.match(what, /exact|refused|absent|not tried/, JSON.stringify(outcome));
    }
    // A key may seem absent to a single read: LMDB's own pages have no checksums. A full reading finds the damage.
    if (outcome.get === 'absent') t.not(outcome.range, 'exact', JSON.stringify(outcome));
  }
  t.ok((counts.get('get refused') ?? 0) > FLIPS / 10, 'most of what was hit is records');
  t.comment(
    `${FLIPS} bits: ${crashes} ended the process; ${[...counts].map(([what, n]) => `${what} ${n}`).join(', ')}`,
  );
});

t.test('a record is bound to its key; an error names file and key', async (t) => {
  const value = Buffer.from('a value');
  for (const key of ['k', '\xff\0', 'x'.repeat(1900)]) {
    const record = Buffer.from(sealRecord(key, value));
    t.equal(openRecord('f', key, record).toString(), 'a value');
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = Buffer.from(record);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (bit % 7 === 0) t.throws(() => openRecord('f', key, flipped), { code: 'checkpoint_corrupt' });
    }
    t.throws(() => openRecord('f', `${key}.`, record), { code: 'checkpoint_corrupt' });
  }
  const large = Buffer.alloc(1_000_000, 'large');
  t.same(openRecord('f', 'k', sealRecord('k', large)), large);
  t.equal(openRecord('f', 'k', sealRecord('k', Buffer.alloc(0))).length, 0);
  t.throws(() => openRecord('/d/gen-1.mdb', 'ab', Buffer.from('bad')), { message: /gen-1\.mdb: .*0x6162 / });
});
