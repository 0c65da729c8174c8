import t from 'tap';
import { replicaId } from '../../../../../src/base/brand.js';
import { createPrng } from '../../../../../src/base/prng.js';
import { votersOnly, type Membership } from '../../../../../src/engines/raft/membership.js';
import type { MembershipRequest } from '../../../../../src/replica/router.js';
import { RaftOperator, type OperatorContext } from '../../../../../src/sim/runner/raft/operator.js';
import type { SimProcess } from '../../../../../src/sim/world/types.js';

const [N1, A1] = [replicaId('n1'), replicaId('a1')];

/** An operator of a world that stands still: `committed` is in force, and whoever is asked does nothing. */
function bench(committed: Membership): { operator: RaftOperator; a1: SimProcess; retired: string[]; time: Time } {
  const a1 = { id: A1, state: 'running', request: () => undefined } as unknown as SimProcess;
  const time: Time = { nowMs: 10_000, after: () => undefined };
  const retired: string[] = [];
  const operator = new RaftOperator({
    world: { time, processes: new Map([[A1, a1]]) },
    view: { committed: () => ({ index: 1, membership: committed }), leader: () => a1 },
    statistics: { membershipChanges: 0 },
    prng: createPrng(1),
    mayRemove: () => true,
    retire: ({ id }: SimProcess) => retired.push(id),
  } as unknown as OperatorContext);
  return { operator, a1, retired, time };
}

interface Time {
  nowMs: number;
  after(): void;
}

t.test('who is removed is started no more; who is not added yet goes on', async (t) => {
  const gone = bench({ ...votersOnly([N1]), removed: [A1] });
  gone.operator.remove(gone.a1);
  t.strictSame(gone.retired, [A1]);
  const early = bench(votersOnly([N1]));
  early.operator.remove(early.a1);
  t.strictSame(early.retired, [], 'it may be added yet');
});

t.test('what was asked for may come for a while', async (t) => {
  const { a1, operator, time } = bench(votersOnly([N1, A1]));
  t.notOk(operator.changing);
  operator.remove(a1);
  const request: MembershipRequest = { op: 'remove', replica: A1 };
  t.strictSame(operator.pending, [request]);
  operator.stop();
  time.nowMs += 1999;
  t.strictSame(operator.pending, [request], 'also when the operator has stopped');
  time.nowMs++;
  t.strictSame(operator.pending, []);
});
