import type { Membership } from '../../../engines/raft/membership.js';
import { Violation, type SimProcess, type World } from '../../world/types.js';
import { checkFailure } from './engines.js';

/**
 * After all faults have ended and time has passed: one leader, and every member that runs has the same state, with
 * everything in it that a client was told (reliability.md §3.3, "end").
 */
export function checkConvergence(world: World, acknowledgedRevision: number): void {
  for (const process of world.processes.values()) checkFailure(process);
  const running = [...world.processes.values()].filter(({ state, member }) => state === 'running' && member !== null);
  const leader = newestLeader(running);
  const led = leader?.member ?? null;
  if (leader === undefined || led === null) {
    const states = [...world.processes.values()].map(({ id, state }) => `${id} ${state}`).join(', ');
    throw new Violation('convergence', `nobody leads after all faults have ended (${states})`);
  }
  const { appliedIndex, revision, raft } = led;
  if (revision < acknowledgedRevision) {
    throw new Violation(
      'acknowledged-present',
      `the group ends at revision ${revision}; a client was told revision ${acknowledgedRevision}`,
    );
  }
  const digest = led.digest();
  for (const { id, member } of running) {
    if (member === null || !receives(raft.committedMembership.membership, id)) continue;
    if (member.appliedIndex !== appliedIndex) {
      throw new Violation(
        'convergence',
        `${id} has applied ${member.appliedIndex}, and the leader ${leader.id} ${appliedIndex}`,
      );
    }
    const theirs = member.digest();
    if (theirs === digest) continue;
    throw new Violation(
      'convergence',
      `${id} and ${leader.id} applied ${appliedIndex} and differ: ${theirs}, ${digest}`,
    );
  }
}

function newestLeader(running: readonly SimProcess[]): SimProcess | undefined {
  const leaders = running.filter(({ member }) => member?.raft.role === 'leader');
  return leaders.sort((left, right) => (right.member?.raft.term ?? 0) - (left.member?.raft.term ?? 0))[0];
}

function receives({ voters, outgoing, learners }: Membership, id: SimProcess['id']): boolean {
  return voters.includes(id) || outgoing.includes(id) || learners.includes(id);
}
