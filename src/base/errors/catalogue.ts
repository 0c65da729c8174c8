/**
 * The one table of errors that a user can meet. docs/errors.md is generated from it and a test keeps them equal.
 *
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

function spec(title: string, http: number, resp: string, exit: number, retry: RetryHint, help: string): ErrorSpec {
  return { title, http, resp, exit, retry, help };
}

export const ERRORS = {
  // Requests that must change.
  bad_request: spec(
    'The request is malformed',
    400,
    'ERR',
    2,
    'never',
    'Compare the request with the OpenAPI document at /openapi.json.',
  ),
  malformed_json: spec(
    'The body is not valid JSON',
    400,
    'ERR',
    2,
    'never',
    'The detail names the position of the first error.',
  ),
  missing_value: spec(
    'A value is missing',
    400,
    'ERR',
    2,
    'never',
    'Send {"value": "..."} or raw bytes with a non-JSON Content-Type.',
  ),
  empty_key: spec('The key is empty', 400, 'ERR', 2, 'never', 'A key has at least one byte.'),
  key_too_large: spec(
    'The key is too long',
    400,
    'ERR',
    2,
    'never',
    'The detail names the limit (option limits.keyBytes).',
  ),
  value_too_large: spec(
    'The value is too long',
    413,
    'ERR',
    2,
    'never',
    'The detail names the limit (option limits.valueBytes).',
  ),
  request_too_large: spec(
    'The request is too large',
    413,
    'ERR',
    2,
    'never',
    'Split the batch; the detail names the limit.',
  ),
  too_many_operations: spec(
    'The batch holds too many operations',
    413,
    'ERR',
    2,
    'never',
    'Split the batch; the detail names the limit.',
  ),
  unsupported_media_type: spec(
    'The content type is not supported',
    415,
    'ERR',
    2,
    'never',
    'Use application/json or application/octet-stream.',
  ),
  not_acceptable: spec(
    'The value cannot be represented as asked',
    406,
    'ERR',
    2,
    'never',
    'Ask for application/octet-stream.',
  ),
  route_not_found: spec('There is no such path', 404, 'ERR', 7, 'never', 'The paths are listed at /openapi.json.'),
  method_not_allowed: spec(
    'The path does not take this method',
    405,
    'ERR',
    2,
    'never',
    'The Allow header lists what it takes.',
  ),
  unknown_keyspace: spec(
    'There is no such keyspace',
    404,
    'ERR',
    7,
    'never',
    'Keyspaces are listed in the topology and at /status.',
  ),
  unsupported_consistency: spec(
    'The engine does not offer this consistency',
    400,
    'ERR',
    2,
    'never',
    'raft offers linearizable, lease and stale.',
  ),
  unsupported_operation: spec(
    'The engine cannot do this honestly',
    400,
    'ERR',
    2,
    'never',
    'The detail says why and which engine can.',
  ),
  forbidden_origin: spec(
    'Another web site may not do this',
    403,
    'ERR',
    2,
    'never',
    'A browser sent the request for a page of another site. Programs send no Origin header.',
  ),
  headers_too_large: spec('The headers are too large', 431, 'ERR', 2, 'never', 'All headers together: 16 KiB.'),
  request_timeout: spec(
    'The request did not arrive in time',
    408,
    'ERR',
    5,
    'safe',
    'Headers within 10 seconds, all of it within 30.',
  ),
  // Conditions.
  key_not_found: spec('Key does not exist', 404, 'ERR', 7, 'never', 'The key is absent at the revision that was read.'),
  key_exists: spec('Key exists already', 409, 'ERR', 6, 'never', 'Create only succeeds on an absent key.'),
  cas_mismatch: spec(
    'The current value is not the expected one',
    409,
    'ERR',
    6,
    'never',
    'The answer carries the current value.',
  ),
  precondition_failed: spec(
    'The precondition does not hold',
    412,
    'ERR',
    6,
    'never',
    'The answer carries the current ETag.',
  ),
  not_an_integer: spec(
    'value is not an integer or out of range',
    400,
    'ERR',
    2,
    'never',
    'INCR and its kin need a 64-bit decimal integer.',
  ),
  integer_overflow: spec(
    'increment or decrement would overflow',
    400,
    'ERR',
    2,
    'never',
    'The result must fit a signed 64-bit integer.',
  ),
  value_would_be_too_large: spec(
    'The resulting value would be too long',
    413,
    'ERR',
    2,
    'never',
    'APPEND may not grow a value beyond limits.valueBytes.',
  ),
  // Sessions (reliability.md §2.5).
  stale_seq: spec(
    'The sequence number is older than the last one',
    409,
    'STALESEQ',
    6,
    'never',
    'Only the last result of a client is kept; use increasing sequence numbers.',
  ),
  session_evicted: spec(
    'The client session was evicted',
    409,
    'SESSIONEVICTED',
    6,
    'never',
    'Whether an earlier request took effect is not known any more: read, then go on with a new client_id.',
  ),
  session_conflict: spec(
    'The sequence number was used for another request',
    409,
    'SESSIONCONFLICT',
    6,
    'never',
    'Two processes share a client_id, or a sequence number was used twice.',
  ),
  // Cluster state.
  not_leader: spec(
    'This replica is not the leader',
    503,
    'NOTLEADER',
    5,
    'elsewhere',
    'The detail names the leader when it is known.',
  ),
  no_leader: spec(
    'There is no leader at the moment',
    503,
    'CLUSTERDOWN',
    5,
    'after',
    'An election takes a few hundred milliseconds; without a majority of replicas there is none.',
  ),
  busy: spec(
    'The replica has too much work in progress',
    503,
    'BUSY',
    5,
    'after',
    'Nothing happened; back off and try again.',
  ),
  draining: spec(
    'The replica is shutting down',
    503,
    'LOADING',
    5,
    'elsewhere',
    'Nothing happened; use another replica.',
  ),
  starting: spec(
    'The replica is starting',
    503,
    'LOADING',
    5,
    'after',
    'It replays its log; /readyz?verbose tells when it is done.',
  ),
  read_timeout: spec(
    'The read could not be confirmed in time',
    503,
    'CLUSTERDOWN',
    5,
    'after',
    'No majority confirmed the leader in time; the read had no effect.',
  ),
  lost_leadership: spec(
    'The write was replaced by another leader before it was committed',
    503,
    'TRYAGAIN',
    5,
    'safe',
    'It is certain that the write did not take effect.',
  ),
  outcome_unknown: spec(
    'The write may or may not have taken effect',
    504,
    'UNKNOWN',
    8,
    'outcome-unknown',
    'Retry with the same client_id and seq, or read back.',
  ),
  transfer_failed: spec(
    'Leadership was not handed over',
    503,
    'ERR',
    5,
    'after',
    'The target did not catch up or did not answer within an election timeout.',
  ),
  unknown_replica: spec('There is no such replica', 404, 'ERR', 7, 'never', 'Replicas are listed at /status.'),
  // Storage and start-up.
  storage_failed: spec(
    'The disk failed',
    500,
    'UNKNOWN',
    1,
    'outcome-unknown',
    'A write or fsync failed, the replica stopped; it recovers from what is on disk when restarted.',
  ),
  log_corrupt: spec(
    'The log is damaged',
    500,
    'ERR',
    1,
    'never',
    'Damage before the tail is never cut silently. Restore the file, or remove the replica and add a new one.',
  ),
  checkpoint_corrupt: spec(
    'The checkpoint is damaged',
    500,
    'ERR',
    1,
    'never',
    'Restore the folder, or remove the replica and add a new one.',
  ),
  data_dir_locked: spec(
    'The data folder is in use by another process',
    500,
    'ERR',
    1,
    'never',
    'Stop the other process; the detail names its process id.',
  ),
  data_dir_mismatch: spec(
    'The data folder belongs to another cluster or replica',
    500,
    'ERR',
    3,
    'never',
    'The detail names both; point --data-dir at the right folder.',
  ),
  data_dir_newer: spec(
    'The data folder was written by a newer version',
    500,
    'ERR',
    3,
    'never',
    'Use a version at least as new as the one named.',
  ),
  address_in_use: spec(
    'The address is in use',
    500,
    'ERR',
    1,
    'never',
    'The detail names the option that sets the address.',
  ),
  config_invalid: spec(
    'The configuration is invalid',
    500,
    'ERR',
    3,
    'never',
    'The message names file, line and column, what was read and what is allowed.',
  ),
  cannot_connect: spec(
    'The replica cannot be reached',
    503,
    'ERR',
    4,
    'after',
    'Check the address and that the replica runs.',
  ),
  check_failed: spec('A check failed', 500, 'ERR', 9, 'never', 'The output names what does not hold.'),
  usage: spec('The command line is wrong', 400, 'ERR', 2, 'never', 'See --help.'),
  internal: spec(
    'Something unexpected happened',
    500,
    'ERR',
    1,
    'outcome-unknown',
    'A bug in Kvorum; the log of the replica holds the details.',
  ),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;
