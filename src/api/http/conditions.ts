import type { Revision } from '../../base/brand.js';
import { KvorumError } from '../../base/errors/error.js';
import type { Condition } from '../../kv/types.js';
import type { Keyspace } from '../../replica/router.js';
import { refusedWithoutOrder } from '../leaderless.js';
import type { Exchange } from './exchange.js';

/** What If-Match and If-None-Match of a write ask for (RFC 9110 §13.1), or null. */
export function writeCondition(exchange: Exchange, keyspace: Keyspace): Condition | null {
  const match = exchange.header('if-match')?.trim();
  const noneMatch = exchange.header('if-none-match')?.trim();
  if (match === undefined && noneMatch === undefined) return null;
  if (keyspace.leaderless !== null) {
    throw refusedWithoutOrder(exchange.router, keyspace, 'If-Match and If-None-Match compare and write');
  }
  if (match !== undefined && noneMatch !== undefined) {
    throw new KvorumError('bad_request', 'Send If-Match or If-None-Match, not both');
  }
  if (noneMatch !== undefined) {
    if (noneMatch === '*') return { kind: 'absent' };
    throw new KvorumError('bad_request', 'If-None-Match on a write takes * only: the key must be absent');
  }
  if (match === undefined) return null;
  if (match === '*') return { kind: 'present' };
  const digits = /^"(\d{1,16})"$|^(\d{1,16})$/.exec(match);
  const revision = Number(digits?.[1] ?? digits?.[2]);
  if (Number.isSafeInteger(revision)) return { kind: 'revision', revision: revision as Revision };
  throw new KvorumError('bad_request', 'If-Match takes * or one ETag, which is a revision in quotes');
}

/** True when If-None-Match of a GET names the current ETag: the answer is 304. Weak comparison (RFC 9110 §13.1.2). */
export function isNotModified(exchange: Exchange, current: string): boolean {
  const header = exchange.header('if-none-match');
  if (header === undefined) return false;
  return header.split(',').some((tag) => {
    const trimmed = tag.trim().replace(/^W\//, '');
    return trimmed === '*' || trimmed === current;
  });
}
