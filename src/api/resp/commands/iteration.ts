import { randomInt } from 'node:crypto';
import { KvorumError } from '../../../base/errors/error.js';
import { LIMITS } from '../../../base/limits.js';
import type { KeyString, KvReader } from '../../../kv/types.js';
import { keyspaceOf, type Client } from '../client.js';
import { globMatches } from '../glob.js';
import { errorLine, NOT_AN_INTEGER, Refusal, SYNTAX_ERROR } from '../replies.js';
import type { ReplyWriter } from '../reply-writer.js';
import type { Request } from '../request.js';
import type { ScanCursors } from '../scan-cursors.js';
import { readCommand, type RespCommand } from './command.js';

const COUNT_DEFAULT = 10;
/** Keys of one KEYS reply: it cannot be sent in parts. */
const KEYS_BYTES_MAX = 2 * LIMITS.requestBytes;
/** RANDOMKEY chooses among so many keys: all of a small keyspace. */
const SAMPLE_KEYS = 10_000;

/** What all keys that match begin with. */
function literalPrefix(pattern: string): string {
  return /^[^*?[\\]*/.exec(pattern)?.[0] ?? '';
}

/** Keys with the prefix, in pages of the index. */
function* keysFrom(reader: KvReader, prefix: string): Generator<KeyString> {
  for (let start: KeyString | null = prefix; start !== null;) {
    const page = reader.scan({ start, end: null, limit: LIMITS.scanKeys, maxBytes: LIMITS.scanBytes });
    for (const [key] of page.items) {
      if (!key.startsWith(prefix)) return;
      yield key;
    }
    start = page.next;
  }
}

function matching(reader: KvReader, pattern: string): readonly KeyString[] | null {
  const found: KeyString[] = [];
  let bytes = 0;
  for (const key of keysFrom(reader, literalPrefix(pattern))) {
    if (!globMatches(pattern, key)) continue;
    found.push(key);
    bytes += key.length;
    if (bytes > KEYS_BYTES_MAX) return null;
  }
  return found;
}

function writeKeys(out: ReplyWriter, keys: readonly KeyString[] | null): void {
  if (keys === null) {
    const detail = `The keys have more than ${KEYS_BYTES_MAX} bytes: use SCAN`;
    out.error(errorLine(new KvorumError('request_too_large', detail)));
    return;
  }
  out.array(keys.length);
  for (const key of keys) out.byteString(key);
}

interface ScanState {
  readonly cursors: ScanCursors;
  readonly keyspace: string;
  readonly start: KeyString;
  readonly pattern: string | null;
  readonly count: number;
  /** False: another type than the one there is was asked for. */
  readonly strings: boolean;
}

interface Scanned {
  readonly cursor: number;
  readonly keys: readonly KeyString[];
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
function prepareScan(request: Request, client: Client): ScanState | Refusal {
  const cursor = /^\d{1,20}$/.test(request.byteString(1)) ? Number(request.byteString(1)) : null;
  if (cursor === null) return new Refusal('ERR invalid cursor');
  let pattern: string | null = null;
  let count = BigInt(COUNT_DEFAULT);
  let strings = true;
  for (let at = 2; at < request.count; at += 2) {
    if (at + 1 >= request.count) return SYNTAX_ERROR;
    if (request.is(at, 'count')) {
      const given = request.integer(at + 1);
      if (given === null) return NOT_AN_INTEGER;
      if (given < 1n) return SYNTAX_ERROR;
      count = given;
    } else if (request.is(at, 'match')) pattern = request.byteString(at + 1);
    else if (request.is(at, 'type')) strings = request.is(at + 1, 'string');
    else return SYNTAX_ERROR;
  }
  const { name } = keyspaceOf(client);
  const { scans } = client.server;
  const start = cursor === 0 ? '' : scans.find(cursor, name);
  if (start === undefined) return new Refusal('ERR invalid cursor: it is too old, or of another replica or keyspace');
  return {
    cursors: scans,
    keyspace: name,
    start,
    pattern,
    count: Number(count < BigInt(LIMITS.scanKeys) ? count : LIMITS.scanKeys),
    strings,
  };
}

/** In the order of the keys: what is there all the time is told exactly once. */
function scan(reader: KvReader, { count, cursors, keyspace, pattern, start, strings }: ScanState): Scanned {
  const { items, next } = reader.scan({ start, end: null, limit: count, maxBytes: LIMITS.scanBytes });
  const keys = strings ? items.map(([key]) => key) : [];
  return {
    cursor: next === null ? 0 : cursors.add(keyspace, next),
    keys: pattern === null ? keys : keys.filter((key) => globMatches(pattern, key)),
  };
}

function randomKey(reader: KvReader): KeyString | null {
  if (reader.size === 0) return null;
  const among = Math.min(reader.size, SAMPLE_KEYS);
  const { items } = reader.scan({ start: '', end: null, limit: among, maxBytes: LIMITS.scanBytes });
  return items[randomInt(items.length)]?.[0] ?? null;
}

const FACTS = { kind: 'read', keys: [0, 0, 0], group: 'generic' } as const;

export const ITERATION_COMMANDS: readonly RespCommand[] = [
  readCommand<string, readonly KeyString[] | null>({
    ...FACTS,
    name: 'keys',
    arity: 2,
    flags: ['readonly'],
    since: '1.0.0',
    summary: 'Find all keys matching the given pattern',
    prepare: (request) => request.byteString(1),
    look: matching,
    answer: writeKeys,
  }),
  readCommand<ScanState, Scanned>({
    ...FACTS,
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    since: '2.8.0',
    summary: 'Incrementally iterate the keys space',
    prepare: prepareScan,
    look: scan,
    answer: (out, { cursor, keys }) => {
      out.array(2);
      out.text(String(cursor));
      writeKeys(out, keys);
    },
  }),
  readCommand<null, KeyString | null>({
    ...FACTS,
    name: 'randomkey',
    arity: 1,
    flags: ['readonly'],
    since: '1.0.0',
    summary: 'Return a random key from the keyspace',
    prepare: () => null,
    look: randomKey,
    answer: (out, key) => {
      if (key === null) out.nil();
      else out.byteString(key);
    },
  }),
];
