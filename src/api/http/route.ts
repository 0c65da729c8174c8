import type { Exchange } from './exchange.js';

/** One path and method. The tables of src/api/http/routes/ are the whole API; build.ts registers them. */
export interface RouteSpec {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** fastify's notation: `:key` matches one segment, still percent-encoded. */
  readonly path: string;
  /** True for a path under `/kv`, which `/keyspaces/:keyspace/kv` offers as well. */
  readonly perKeyspace?: boolean;
  /** The label `op` of metrics. */
  readonly operation: string;
  readonly bodyBytes?: 'value' | 'batch' | 'small';
  /** JSON schemas for the OpenAPI document. Nothing is validated by them: handlers read members one by one. */
  readonly schema: RouteSchema;
  /** Answers now, or later from the replica's loop. What it throws becomes a problem document. */
  handle(exchange: Exchange): void;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface RouteSchema {
  readonly summary: string;
  readonly description?: string;
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly params?: JsonSchema;
  readonly querystring?: JsonSchema;
  readonly headers?: JsonSchema;
  readonly body?: JsonSchema;
  readonly consumes?: readonly string[];
  readonly produces?: readonly string[];
  readonly response: Readonly<Record<number, JsonSchema>>;
}
