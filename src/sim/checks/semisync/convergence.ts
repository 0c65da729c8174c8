import type { ReplicaId } from '../../../base/brand.js';
import { Violation, type SimProcess, type World } from '../../world/types.js';
import { checkFailure } from '../raft/engines.js';
import type { Facts } from './facts.js';
import type { Node } from './histories.js';

/** After all faults have ended: one leader, and every member that runs has its state, with everything that is not lost. */
export function checkConvergence(world: World, facts: Facts, acknowledgedRevision: number): void {
  for (const process of world.processes.values()) checkFailure(process);
  const running = [...world.processes.values()].filter(({ state, semisync }) => state === 'running' && semisync?.core);
  const leader = newestLeader(running);
  const led = leader?.semisync ?? null;
  if (leader === undefined || led === null) {
    const states = [...world.processes.values()].map(({ id, state }) => `${id} ${state}`).join(', ');
    throw new Violation('convergence', `nobody leads after all faults have ended (${states})`);
  }
  if (!facts.lossy && led.revision < acknowledgedRevision) {
    throw new Violation(
      'acknowledged-kept',
      `the group ends at revision ${led.revision}; a client was told revision ${acknowledgedRevision}`,
    );
  }
  const state = facts.appliedNode(led);
  if (state !== null) checkKept(leader.id, state, facts);
  const digest = led.digest();
  for (const { id, semisync: member } of running) {
    if (member === null) continue;
    if (member.appliedIndex !== led.appliedIndex || member.appliedTerm !== led.appliedTerm) {
      throw new Violation(
        'convergence',
        `${id} has applied ${member.appliedIndex} of epoch ${member.appliedTerm}, and the leader ${leader.id} ` +
          `${led.appliedIndex} of epoch ${led.appliedTerm}`,
      );
    }
    if (member.digest() !== digest) {
      throw new Violation('convergence', `${id} and ${leader.id} have both applied ${led.appliedIndex} and differ`);
    }
  }
}

/** Every order that was committed leads to the state of the leader, or was given up by force on the way to it. */
function checkKept(id: ReplicaId, state: Node, { orders }: Facts): void {
  for (const { epoch, node } of orders.tips()) {
    orders.judge(
      state,
      epoch,
      node,
      `${id} leads the group at the end with entry ${state.index} of epoch ${state.term}`,
    );
  }
}

/** What the newest leader has applied. */
export function finalState(world: World, facts: Facts): Node | null {
  const led = newestLeader([...world.processes.values()].filter(({ state }) => state === 'running'))?.semisync;
  return led?.core ? facts.appliedNode(led) : null;
}

export function newestLeader(running: readonly SimProcess[]): SimProcess | undefined {
  const leaders = running.filter(({ semisync }) => semisync?.core?.role === 'leader');
  return leaders.sort((left, right) => (right.semisync?.core?.term ?? 0) - (left.semisync?.core?.term ?? 0))[0];
}
