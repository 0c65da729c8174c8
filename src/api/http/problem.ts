import type { KvorumError } from '../../base/errors/error.js';

/** Seconds until a client should try again: an election takes a few hundred milliseconds. */
export const RETRY_AFTER_SECONDS = 1;

/**
 * The RFC 9457 document of an error (api.md §3). `error` repeats the code for clients of the documents that the API
 * grew from; `instance` is the request id, which the replica's log names too.
 */
export function problemDocument(error: KvorumError, requestId: string, status: number = error.spec.http): string {
  const { title, retry } = error.spec;
  return JSON.stringify({
    ...error.extra,
    type: `urn:kvorum:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    retry,
    error: error.code,
    instance: requestId,
  });
}
