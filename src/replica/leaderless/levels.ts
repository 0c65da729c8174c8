import type { ReplicaId } from '../../base/brand.js';
import { unreachable } from '../../base/assert.js';
import type { Requirement } from '../../engines/leaderless/events.js';
import type { Level } from '../router.js';

/** Who holds a group, and where they stand. Members without a region make up a region of their own. */
export interface GroupScope {
  readonly self: ReplicaId;
  readonly members: readonly ReplicaId[];
  readonly regionOf: (member: ReplicaId) => string | null;
}

/** Which members a level asks, this one included. Empty: nobody else. */
export function requirementOf(level: Level, scope: GroupScope): Requirement {
  const { members } = scope;
  switch (level) {
    case 'session':
    case 'one':
      return [];
    case 'quorum':
      return [{ members, count: majority(members) }];
    case 'all':
      return [{ members, count: members.length }];
    case 'local_quorum': {
      const own = scope.regionOf(scope.self);
      const near = members.filter((member) => scope.regionOf(member) === own);
      return [{ members: near, count: majority(near) }];
    }
    case 'each_quorum':
      return regionsOf(scope).map((near) => ({ members: near, count: majority(near) }));
    default:
      return unreachable(level);
  }
}

function majority(members: readonly ReplicaId[]): number {
  return Math.floor(members.length / 2) + 1;
}

function regionsOf(scope: GroupScope): ReplicaId[][] {
  const regions = new Map<string | null, ReplicaId[]>();
  for (const member of scope.members) {
    const region = scope.regionOf(member);
    const there = regions.get(region);
    if (there === undefined) regions.set(region, [member]);
    else there.push(member);
  }
  return [...regions.values()];
}

/** How far a requirement is met: "2 of 3", where members beyond a count do not make up for another region. */
export function countOf(need: Requirement, has: (member: ReplicaId) => boolean): { have: number; required: number } {
  let have = 0;
  let required = 0;
  for (const { members, count } of need) {
    have += Math.min(count, members.filter(has).length);
    required += count;
  }
  return { have, required };
}

export function isMet(need: Requirement, has: (member: ReplicaId) => boolean): boolean {
  return need.every(({ members, count }) => members.filter(has).length >= count);
}

/** Everybody that a requirement names, once. */
export function membersOf(need: Requirement): ReadonlySet<ReplicaId> {
  return new Set(need.flatMap(({ members }) => members));
}
