/**
 * `retry` tells a client what to do: `safe` nothing happened, the same request may be sent again at once; `after`
 * nothing happened, wait and try again; `elsewhere` another replica can answer; `outcome-unknown` it may or may not
 * have taken effect, retry only with the same (client_id, seq); `never` the request itself must change.
 */
export type RetryHint = 'safe' | 'after' | 'elsewhere' | 'outcome-unknown' | 'never';

export interface ErrorSpec {
  /** One sentence without a full stop, the same for every occurrence. */
  readonly title: string;
  /** HTTP status. */
  readonly http: number;
  /** First word of the Redis error reply, without `-`. */
  readonly resp: string;
  /** Exit code of the command line (api.md §5). */
  readonly exit: number;
  readonly retry: RetryHint;
  /** What it means and what to do, for docs/errors.md. */
  readonly help: string;
}

export function spec(
  title: string,
  http: number,
  resp: string,
  exit: number,
  retry: RetryHint,
  help: string,
): ErrorSpec {
  return { title, http, resp, exit, retry, help };
}
