import { formatAddress } from './address.js';
import { formatOrigin } from './diagnostics.js';
import type { LoadedTopology } from './load.js';
import type { Json } from './option.js';
import { findOption } from './options.js';
import type { HostPort } from './topology.js';

/** In the place of a secret. */
const HIDDEN = '(hidden)';

/** One line of `kvorum config explain`. */
export interface ExplainedOption {
  readonly option: string;
  /** What the program uses: after layering, and with a relative folder made absolute. */
  readonly value: Json;
  readonly unit: string | null;
  /** `default`, `file:line:column`, `environment NAME` or `flag --name`. */
  readonly origin: string;
  /** What it overruled, the nearest layer first. */
  readonly overruled: readonly { readonly value: Json; readonly origin: string }[];
}

/** Every option of a topology with its value and where the value came from. */
export function explainTopology({ origins, topology }: LoadedTopology): readonly ExplainedOption[] {
  const decided = new Map<string, Json>([['dataDir', topology.dataDir]]);
  if (origins.get('local')?.value === null) decided.set('local', [...topology.local]);
  for (const { id, peer, http, redis } of topology.replicas) {
    for (const [kind, address] of Object.entries({ peer, http, redis })) {
      if (address !== null) decided.set(`replicas.${id}.${kind}`, showBoth(address.listen, address.advertise));
    }
  }
  for (const keyspace of topology.keyspaces) {
    for (const [option, value] of Object.entries(keyspace)) decided.set(`keyspaces.${keyspace.name}.${option}`, value);
  }
  return [...origins.values()].map(({ path, value, origin, overruled }) => {
    const spec = findOption(path);
    const shown = (said: Json): Json => (spec?.secret === true && said !== null ? HIDDEN : said);
    return {
      option: path,
      value: shown(decided.get(path) ?? value),
      unit: spec?.unit ?? null,
      origin: formatOrigin(origin),
      overruled: overruled.map((said) => ({ value: shown(said.value), origin: formatOrigin(said.origin) })),
    };
  });
}

function showBoth(listen: HostPort, advertise: HostPort): string {
  const [bound, told] = [formatAddress(listen), formatAddress(advertise)];
  return bound === told ? bound : `${bound}, advertised as ${told}`;
}
