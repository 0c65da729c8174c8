/** Bytes that are not what they should be. Never leaves src/kv: callers turn it into a result or an error of their own. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}
