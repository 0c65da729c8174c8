import t from 'tap';
import { logIndex, replicaId, term, type ReplicaId, type Term } from '../../../../src/base/brand.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import type { ProposalOutcome, RaftEvent } from '../../../../src/engines/raft/events.js';
import type { Entry } from '../../../../src/engines/raft/messages.js';
import { KvStateMachine } from '../../../../src/kv/index.js';
import type { WriteWaiter } from '../../../../src/replica/router.js';
import { createMemberStats } from '../../../../src/replica/stats.js';
import { WritePath } from '../../../../src/replica/raft/write-path.js';
import { MemoryCheckpoint } from '../../../../src/storage/memory/memory-checkpoint.js';
import { bytes } from '../../../fixtures/replica/caller.js';

/** A write path with an engine that does nothing by itself. */
class Bench implements WriteWaiter {
  nowMs = 0;
  leader: ReplicaId | null = replicaId('n1');
  term: Term = term(1);
  readonly proposed: { readonly id: number; readonly payload: Uint8Array }[] = [];
  /** What the waiters were told, in order: `<token> <answer>`. */
  readonly told: string[] = [];
  readonly stats = createMemberStats();
  readonly kv = KvStateMachine.open(new MemoryCheckpoint(), null);
  readonly path = new WritePath({
    clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
    requestTimeoutMs: 5000,
    stats: this.stats,
    step: (event: RaftEvent) => {
      if (event.type === 'propose') this.proposed.push(event);
    },
    wake: () => undefined,
    target: () => ({ leader: this.leader, term: this.term }),
  });

  onPut(token: number): void {
    this.told.push(`${token} ok`);
  }
  onResult(token: number): void {
    this.told.push(`${token} ok`);
  }
  onError(token: number, error: KvorumError): void {
    this.told.push(`${token} ${error.code}`);
  }

  /** One request in a batch of its own. Returns the id of its proposal (undefined when it was parked). */
  write(token: number): number | undefined {
    const before = this.proposed.length;
    this.path.put(bytes(`k${token}`), bytes('v'), this, token);
    this.path.seal();
    return this.proposed[before]?.id;
  }

  tell(...outcomes: ProposalOutcome[]): void {
    this.path.onOutcomes(outcomes, logIndex(0));
  }

  entry(id: number, index: number, of: number): Entry {
    const payload = this.proposed.find((proposal) => proposal.id === id)?.payload ?? new Uint8Array(0);
    return { index: logIndex(index), term: term(of), kind: 'commands', payload };
  }
}

function accepted(id: number | undefined, index: number, of = 1): ProposalOutcome {
  return { id: id ?? 0, accepted: { index: logIndex(index), term: term(of) }, refused: null };
}
function refused(id: number | undefined, why: ProposalOutcome['refused'] = 'no_leader'): ProposalOutcome {
  return { id: id ?? 0, accepted: null, refused: why };
}
function noop(index: number, of: number): Entry {
  return { index: logIndex(index), term: term(of), kind: 'noop', payload: new Uint8Array(0) };
}

t.test('a write is answered when its entry is applied, not before', async (t) => {
  const bench = new Bench();
  const id = bench.write(7);
  bench.tell(accepted(id, 3));
  t.same(bench.told, []);
  bench.path.applyEntry(bench.entry(id ?? 0, 3, 1), bench.kv);
  t.same(bench.told, ['7 ok']);
  t.equal(bench.path.pendingBatches, 0);
});

t.test('figure 8: an entry that a later leader seemed to replace may still be committed', async (t) => {
  const bench = new Bench();
  const [first, second] = [bench.write(1), bench.write(2)];
  bench.tell(accepted(first, 3, 2));
  bench.tell(accepted(second, 3, 3));
  t.same(bench.told, [], 'nothing is certain yet');
  bench.path.applyEntry(bench.entry(first ?? 0, 3, 2), bench.kv);
  t.same(bench.told, ['1 ok', '2 lost_leadership']);
});

t.test('Raft paper §8: commands of another leader at the index of a write are not that write', async (t) => {
  const bench = new Bench();
  const [mine, other] = [bench.write(1), bench.write(2)];
  bench.tell(accepted(mine, 3, 1));
  bench.path.applyEntry(bench.entry(other ?? 0, 3, 2), bench.kv);
  t.same(bench.told, ['1 lost_leadership'], 'what was applied there is not what the client asked for');
});

t.test('an entry of a newer term settles what cannot follow it any more', async (t) => {
  const bench = new Bench();
  const ids = [bench.write(1), bench.write(2), bench.write(3)];
  bench.tell(accepted(ids[0], 10, 1), accepted(ids[1], 11, 1));
  bench.path.applyEntry(noop(5, 2), bench.kv);
  t.same(bench.told, ['1 lost_leadership', '2 lost_leadership']);
  bench.tell(accepted(ids[2], 12, 1));
  t.equal(bench.told[2], '3 lost_leadership', 'also what is told late');
});

t.test('without a leader writes wait, and go out in order when there is one', async (t) => {
  const bench = new Bench();
  const first = bench.write(1);
  const second = bench.write(2);
  bench.tell(refused(first), refused(second));
  t.equal(bench.write(3), undefined, 'a later write queues up behind');
  t.same(bench.told, []);
  bench.path.retryParked();
  t.same(
    bench.proposed.slice(2).map(({ id }) => id),
    [1, 2, 3],
  );
});

t.test('a refused write is not tried again once a later one is on its way', async (t) => {
  const bench = new Bench();
  const first = bench.write(1);
  const second = bench.write(2);
  bench.tell(refused(first, 'not_leader'), accepted(second, 5));
  t.same(bench.told, ['1 no_leader']);
  bench.path.applyEntry(bench.entry(second ?? 0, 5, 1), bench.kv);
  t.same(bench.told, ['1 no_leader', '2 ok']);
});

t.test('deadlines: parked writes did not happen, proposed ones are unknown, each is told once', async (t) => {
  const bench = new Bench();
  const first = bench.write(1);
  bench.tell(refused(first));
  bench.nowMs = 2000;
  bench.path.expire(bench.nowMs);
  const second = bench.write(2);
  bench.nowMs = 7000;
  bench.path.expire(bench.nowMs);
  bench.tell(accepted(second, 9));
  bench.path.applyEntry(bench.entry(second ?? 0, 9, 1), bench.kv);
  t.same(bench.told, ['1 no_leader', '2 outcome_unknown']);
});

t.test('what went to a leader that is gone, or deposed, is answered soon', async (t) => {
  const bench = new Bench();
  bench.write(1);
  bench.path.onPeerDown(replicaId('n1'));
  bench.leader = replicaId('n2');
  bench.write(2);
  bench.path.expire(100);
  t.same(bench.told, ['1 outcome_unknown']);
  bench.path.onTerm(term(2));
  bench.path.expire(100);
  t.same(bench.told, ['1 outcome_unknown', '2 outcome_unknown']);
});

t.test('busy is busy, and too much that waits for a leader is, too', async (t) => {
  const bench = new Bench();
  bench.tell(refused(bench.write(1), 'busy'));
  t.same(bench.told, ['1 busy']);
  const value = { source: new Uint8Array(7 * 1024 * 1024), start: 0, end: 7 * 1024 * 1024 };
  for (const token of [2, 3, 4]) {
    bench.path.put(bytes('k'), value, bench, token);
    bench.path.seal();
  }
  bench.tell(...bench.proposed.slice(1).map(({ id }) => refused(id)));
  t.same(bench.told, ['1 busy', '4 busy']);
});

t.test('a snapshot makes outcomes unknown up to its index only', async (t) => {
  const bench = new Bench();
  const ids = [bench.write(1), bench.write(2)];
  bench.tell(accepted(ids[0], 5), accepted(ids[1], 6));
  bench.path.onSnapshotInstalled(logIndex(5), term(1));
  t.same(bench.told, ['1 outcome_unknown']);
  bench.path.applyEntry(bench.entry(ids[1] ?? 0, 6, 1), bench.kv);
  t.same(bench.told, ['1 outcome_unknown', '2 ok']);
});

t.test('a snapshot of a newer term settles what was appended beyond it', async (t) => {
  const bench = new Bench();
  bench.tell(accepted(bench.write(1), 9, 1));
  bench.path.onSnapshotInstalled(logIndex(5), term(2));
  t.same(bench.told, ['1 lost_leadership']);
});

t.test('the end: unknown for what the engine has, certain for the rest and for what comes later', async (t) => {
  const bench = new Bench();
  const ids = [bench.write(1), bench.write(2)];
  bench.tell(accepted(ids[0], 5));
  bench.tell(refused(ids[1]));
  bench.path.put(bytes('k'), bytes('v'), bench, 3);
  bench.path.failAll(new KvorumError('storage_failed'), new KvorumError('draining'));
  t.same(bench.told, ['1 storage_failed', '2 draining', '3 draining']);
  bench.write(4);
  t.equal(bench.told[3], '4 draining');
  t.equal(bench.path.pendingBatches, 0);
});
