import { Buffer } from 'node:buffer';

/** A JSON object that a replica answered with. */
export type Body = Readonly<Record<string, unknown>>;

export interface GetResult {
  /** Null when the key is not UTF-8: use `keyBytes`. */
  readonly key: string | null;
  readonly keyBytes: Uint8Array;
  /** Null when the value is not UTF-8: use `valueBytes`. */
  readonly value: string | null;
  readonly valueBytes: Uint8Array;
  /** Of the write that set this value; in a leaderless keyspace its Lamport counter. */
  readonly revision: number;
  /** Null in a leaderless keyspace. */
  readonly createRevision: number | null;
  /** Writes since the key was created, that one included; in a leaderless keyspace `counter@origin`. */
  readonly version: number | string;
  /** Milliseconds since 1970; absent when the value does not expire. */
  readonly expiresAtMs?: number;
  /** Where a keyspace keeps concurrent values: all of them, this one first; absent when there is one only. */
  readonly siblings?: readonly { readonly value: string | null; readonly valueBytes: Uint8Array }[];
  /** Goes into the write that replaces all siblings. */
  readonly context?: string;
}

export interface WriteResult {
  readonly result: 'created' | 'replaced' | 'deleted';
  readonly revision: number;
  /** Leaderless keyspaces: `counter@origin`. */
  readonly version?: string;
}

export function toItem(body: Body): GetResult {
  const key = memberBytes(body, 'key');
  const value = memberBytes(body, 'value');
  const { context, create_revision, expires_at_ms, siblings, version } = body;
  return {
    key: key.text,
    keyBytes: key.bytes,
    value: value.text,
    valueBytes: value.bytes,
    revision: Number(body['revision']),
    createRevision: create_revision === undefined ? null : Number(create_revision),
    version: typeof version === 'string' ? version : Number(version),
    ...(typeof expires_at_ms === 'number' ? { expiresAtMs: expires_at_ms } : {}),
    ...(Array.isArray(siblings) ? { siblings: (siblings as readonly Body[]).map(toSibling) } : {}),
    ...(typeof context === 'string' ? { context } : {}),
  };
}

function toSibling(body: Body): NonNullable<GetResult['siblings']>[number] {
  const { bytes, text } = memberBytes(body, 'value');
  return { value: text, valueBytes: bytes };
}

export function toWriteResult({ result, revision, version }: Body): WriteResult {
  const written = { result: result as WriteResult['result'], revision: Number(revision) };
  return typeof version === 'string' ? { ...written, version } : written;
}

function memberBytes(body: Body, name: string): { text: string | null; bytes: Buffer } {
  const text = body[name];
  if (typeof text === 'string') return { text, bytes: Buffer.from(text, 'utf8') };
  const base64 = body[`${name}_base64`];
  return { text: null, bytes: Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64') };
}
