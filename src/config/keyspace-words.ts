import { report, type CheckContext } from './check-context.js';
import type { ResolvedValue } from './layers.js';
import { ORDERED_READS, READ_LEVELS, SEMISYNC_READS, type EngineName } from './topology.js';
import { show } from './validate.js';

/** What an engine calls the reads that another one has a word for, as nearly as there is anything like it. */
type Nearest = Readonly<Record<'latest' | 'confirmed' | 'here', string>>;

const NEAREST: Readonly<Record<EngineName, Nearest>> = {
  raft: { latest: 'linearizable', confirmed: 'linearizable', here: 'stale' },
  semisync: { latest: 'leader', confirmed: 'strong', here: 'follower' },
  causal: { latest: 'quorum', confirmed: 'quorum', here: 'one' },
  lww: { latest: 'quorum', confirmed: 'quorum', here: 'one' },
};
/** Words for reads of what the asked replica has, and for those that trust whoever leads; the others make sure. */
const HERE: ReadonlySet<unknown> = new Set(['stale', 'follower', 'session', 'one']);
const TRUSTING: ReadonlySet<unknown> = new Set(['lease', 'leader']);
const OFFERED: Readonly<Record<EngineName, readonly string[]>> = {
  raft: ORDERED_READS,
  semisync: SEMISYNC_READS,
  causal: READ_LEVELS,
  lww: READ_LEVELS,
};

/** What somebody has said about an option of the keyspace. */
export function saidOf(context: CheckContext, name: string, option: string): ResolvedValue | null {
  const said = context.values.get(`keyspaces.${name}.${option}`);
  return said === undefined || said.value === null ? null : said;
}

export function wrongReads({ path, value }: ResolvedValue, engine: EngineName): string {
  const words = NEAREST[engine];
  const nearest = HERE.has(value) ? words.here : TRUSTING.has(value) ? words.latest : words.confirmed;
  return `${path} is ${show(value)}: with the engine ${engine} allowed is one of ${OFFERED[engine].join(', ')}; write ${nearest}`;
}

/** Options of other engines; `reasons` tells of each why this one has no use for it. */
export function refuseOptions(
  context: CheckContext,
  name: string,
  engine: EngineName,
  reasons: Readonly<Record<string, string>>,
): void {
  for (const [option, why] of Object.entries(reasons)) {
    const said = saidOf(context, name, option);
    if (said === null) continue;
    const message = `${said.path} is ${show(said.value)}, but with the engine ${engine} ${why}: leave it out`;
    report(context, 'error', said, message);
  }
}
