import type { GetResult } from '../../client/client.js';

/** Characters of a key or value in a table; JSON and `get` have all of it. */
const CELL_CHARS_MAX = 64;

/** As in the HTTP interface: bytes that are not UTF-8 are base64 in a second member. */
export function itemJson(item: GetResult): Record<string, unknown> {
  const { context, createRevision, expiresAtMs, revision, siblings, version } = item;
  return {
    ...bytesMembers('key', item.key, item.keyBytes),
    ...bytesMembers('value', item.value, item.valueBytes),
    revision,
    ...(createRevision === null ? {} : { create_revision: createRevision }),
    version,
    ...(expiresAtMs === undefined ? {} : { expires_at_ms: expiresAtMs }),
    ...(siblings === undefined
      ? {}
      : { siblings: siblings.map(({ value, valueBytes }) => bytesMembers('value', value, valueBytes)), context }),
  };
}

function bytesMembers(name: string, text: string | null, bytes: Uint8Array): Record<string, string | null> {
  if (text !== null) return { [name]: text };
  return { [name]: null, [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
}

/** A cell of a table: text, or bytes with `\xff` for what is not ASCII; the rest of a long one is an ellipsis. */
export function bytesCell(text: string | null, bytes: Uint8Array): string {
  const shown = text ?? escapeBytes(bytes.subarray(0, CELL_CHARS_MAX + 1));
  return shown.length <= CELL_CHARS_MAX ? shown : `${shown.slice(0, CELL_CHARS_MAX)}…`;
}

function escapeBytes(bytes: Uint8Array): string {
  const chars = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  return chars.join('');
}
