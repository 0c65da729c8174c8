import { CRASH_NEMESES } from './crash.js';
import { DIRECTED_NEMESES } from './directed.js';
import { LEADERLESS_NEMESES } from './leaderless.js';
import { DISK_NEMESES, PROCESS_NEMESES } from './machine.js';
import { NETWORK_NEMESES } from './network.js';
import { OPERATOR_NEMESES } from './operators.js';
import { SEMISYNC_NEMESES } from './semisync.js';
import type { Nemesis } from './stage.js';

/** Everything that can be done to a world, by name. */
export const NEMESES: ReadonlyMap<string, Nemesis> = new Map(
  [
    ...NETWORK_NEMESES,
    ...CRASH_NEMESES,
    ...DISK_NEMESES,
    ...PROCESS_NEMESES,
    ...OPERATOR_NEMESES,
    ...DIRECTED_NEMESES,
    ...LEADERLESS_NEMESES,
    ...SEMISYNC_NEMESES,
  ].map((each) => [each.name, each]),
);

export type { Nemesis, Stage } from './stage.js';
