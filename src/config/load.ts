import { crossCheck } from './checks.js';
import { Reporter, sortDiagnostics, type Diagnostic } from './diagnostics.js';
import { ConfigError } from './errors.js';
import { layer, type Environment, type Flags, type ResolvedValues } from './layers.js';
import { buildTopology } from './resolve.js';
import { parseSource, readSource } from './source.js';
import type { Topology } from './topology.js';
import { checkFile } from './validate.js';

export interface LoadRequest {
  /** The YAML file; how it is written here is how messages name it. */
  readonly file?: string;
  /** Text to read instead of the file (YAML, or JSON, which is YAML too). `file` then only names it. */
  readonly text?: string;
  /** Usually `process.env`. Left out, the environment has no say. */
  readonly env?: Environment;
  /** By path or by commander's name of the flag, for example `{ 'timing.heartbeatMs': 20, replica: ['n1'] }`. */
  readonly flags?: Flags;
  /** What a relative `dataDir` is relative to; the working directory of the process when left out. */
  readonly workingDir?: string;
}

export interface LoadedTopology {
  readonly topology: Topology;
  /** Every value with the place it came from. */
  readonly origins: ResolvedValues;
  /** Nothing that forbids a start, but an operator wants to know. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * Reads and checks a topology. Layers in rising order: defaults, file, environment, flags. Throws ConfigError with
 * everything that is wrong, not only with the first mistake.
 */
export function loadTopology(request: LoadRequest): LoadedTopology {
  const name = request.file ?? 'topology';
  const source = request.text === undefined ? readSource(name) : parseSource(request.text, name);
  const reporter = new Reporter();
  const bad = checkFile(source, reporter);
  const origins = layer(source, bad, request.env ?? {}, request.flags ?? {}, reporter);
  if (!bad.has('')) crossCheck({ source, values: origins, bad, reporter });
  if (reporter.failed) throw new ConfigError(reporter.diagnostics);
  return {
    topology: buildTopology(origins, request.file ?? null, request.workingDir ?? process.cwd()),
    origins,
    warnings: sortDiagnostics(reporter.diagnostics),
  };
}
