import { isUtf8 } from 'node:buffer';
import type { LogIndex } from '../../base/brand.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { KvReader } from '../../kv/types.js';
import type { Keyspace, StateDigest } from '../../replica/router.js';
import { textOfBytes, valueMembers, viewOf, keyMembers } from './bytes.js';
import { semisyncView, type SemisyncView } from './semisync-view.js';

/** A dump is for looking at: beyond these a hash tells as well whether two replicas are equal. */
const DUMP_KEYS_MAX = 10_000;
const DUMP_BYTES_MAX = 16 * 1024 * 1024;

/** Everything that a member has applied, in the turn in which it was read. */
export interface StateDump {
  readonly offset: LogIndex;
  readonly commit: LogIndex;
  readonly last: LogIndex;
  readonly role: string;
  readonly epoch: number;
  readonly revision: number;
  readonly keys: number;
  /** Members of a JSON object: the data, or why it is left out. */
  readonly data: string;
}

/** What this member has, whether or not it leads. `keysMax` 0: without the data. */
export function dumpState(keyspace: Keyspace, keysMax: number, done: (dump: StateDump | KvorumError) => void): void {
  const use = (reader: KvReader): void => {
    const { engine } = semisyncView(keyspace) as SemisyncView;
    done({
      offset: engine.appliedIndex,
      commit: engine.commitIndex,
      last: engine.lastIndex,
      role: engine.role,
      epoch: engine.term,
      revision: reader.revision,
      keys: reader.size,
      data: dataMembers(reader, Math.min(keysMax, DUMP_KEYS_MAX)),
    });
  };
  keyspace.read(
    'follower',
    { onReadable: (_token, reader) => use(reader), onError: (_token, error) => done(error) },
    0,
  );
}

/** `"data":{key:value}`; what is not text stands in `binary`, as everywhere. */
function dataMembers(reader: KvReader, keysMax: number): string {
  if (reader.size > keysMax) {
    const why = keysMax === 0 ? 'it was not asked for' : `there are more than ${keysMax} keys`;
    return leftOut(why);
  }
  const { items, next } = reader.scan({ start: '', end: null, limit: DUMP_KEYS_MAX, maxBytes: DUMP_BYTES_MAX });
  if (next !== null) return leftOut(`it has more than ${DUMP_BYTES_MAX} bytes`);
  const text: string[] = [];
  const binary: string[] = [];
  for (const [key, item] of items) {
    const name = textOfBytes(key);
    const value = viewOf(item);
    if (name !== null && isUtf8(value)) text.push(`${JSON.stringify(name)}:${JSON.stringify(value.toString('utf8'))}`);
    else binary.push(`{${keyMembers(key)},${valueMembers(item)}}`);
  }
  return `"data":{${text.join(',')}}${binary.length === 0 ? '' : `,"binary":[${binary.join(',')}]`}`;
}

function leftOut(why: string): string {
  return `"data":null,"data_left_out":${JSON.stringify(why)}`;
}

/** `"hash":"…","hash_offset":7`; both null where there is none at the position that was asked for. */
export function hashMembers(digest: StateDigest | null): string {
  return `"hash":${JSON.stringify(digest?.digest ?? null)},"hash_offset":${digest?.index ?? null}`;
}

/** The members of a dump as JSON text, without the braces. */
export function dumpMembers(dump: StateDump): string {
  const { commit, data, epoch, keys, last, offset, revision, role } = dump;
  const head = JSON.stringify({ role, epoch, offset, commit, last, revision, keys });
  return `${head.slice(1, -1)},${data}`;
}
