import t from 'tap';
import { Network } from './network.js';
import { Solo } from './solo.js';

const ABC = ['a', 'b', 'c'] as const;
const FRESH = { lastIndex: 9, lastTerm: 9, transfer: false } as const;

t.test('campaign: a group elects one leader, which opens its term with a no-op', (t) => {
  const network = new Network(ABC, 1);
  network.elect('a');
  t.equal(network.leader?.id, 'a');
  t.equal(network.raft('a').commitIndex, 1);
  network.run(4);
  for (const id of ABC) t.equal(network.raft(id).commitIndex, 1);
  t.end();
});

t.test('E1: a pre-vote changes nothing durable on either side', (t) => {
  const solo = new Solo({ terms: [1], vote: 'b' });
  solo.receive('c', 2, 'voteRequest', { preVote: true, ...FRESH });
  t.equal(solo.last?.persist ?? null, null);
  t.equal(solo.raft.term, 1);
  t.match(solo.persist()[0], { granted: true, preVote: true, term: 2 }, 'E2: the term that was asked for');
  solo.tick(25);
  t.equal(solo.raft.role, 'pre-candidate');
  t.equal(solo.raft.term, 1);
  t.equal(solo.last?.persist, null);
  t.end();
});

t.test('E2: a rejected pre-vote carries the own term', (t) => {
  const solo = new Solo({ terms: [3] });
  solo.receive('c', 4, 'voteRequest', { preVote: true, lastIndex: 0, lastTerm: 0, transfer: false });
  t.match(solo.persist()[0], { granted: false, preVote: true, term: 3 });
  t.end();
});

t.test('E2: a pre-candidate learns a newer term from a rejection', (t) => {
  const solo = new Solo({ terms: [1] }).tick(25);
  solo.receive('b', 7, 'voteResponse', { preVote: true, granted: false });
  t.equal(solo.raft.role, 'follower');
  t.equal(solo.raft.term, 7);
  t.end();
});

t.test('E3: a leader of an older term is told; an older candidate as well', (t) => {
  const solo = new Solo({ terms: [1], term: 5 });
  solo.append('b', 3, [1, 1], [3]);
  t.match(solo.persist()[0], { type: 'appendResponse', rejected: true, term: 5 });
  solo.receive('b', 3, 'heartbeat', { commit: 0, readRound: 1 });
  t.match(solo.persist()[0], { type: 'appendResponse', rejected: true, term: 5 });
  solo.receive('c', 4, 'voteRequest', { preVote: true, ...FRESH });
  t.match(solo.persist()[0], { type: 'voteResponse', granted: false, term: 5 });
  t.end();
});

t.test('E3: a candidate stuck in a higher term is freed (pre-vote with check-quorum)', (t) => {
  const network = new Network(ABC, 3);
  network.elect('a');
  network.isolate('c');
  network.restart('c');
  network.crash('c');
  network.member('c').disk.hardState = { term: 9 as never, vote: null, commit: 0 as never };
  network.restart('c');
  network.heal();
  network.run(60);
  const terms = ABC.map((id) => network.raft(id).term);
  t.ok(
    terms.every((term) => term === terms[0] && term >= 9),
    'one term',
  );
  t.ok(network.leader);
  t.end();
});

t.test('E4: who hears a leader leaves vote requests unanswered, whatever their term', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 0, readRound: 1 });
  solo.tick(9);
  for (const preVote of [true, false]) solo.receive('c', 7, 'voteRequest', { preVote, ...FRESH });
  t.equal(solo.raft.term, 1);
  t.strictSame(solo.persist(), []);
  solo.tick(1);
  solo.receive('c', 7, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist()[0], { granted: true, term: 7 }, 'after an election timeout it votes');
  t.end();
});

t.test('E4: a vote that the leader asked for ignores stickiness', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 0, readRound: 1 });
  solo.receive('c', 2, 'voteRequest', { preVote: false, lastIndex: 1, lastTerm: 1, transfer: true });
  t.match(solo.persist()[0], { granted: true, term: 2 });
  t.end();
});

t.test('E4: a returning member does not depose a healthy leader', (t) => {
  const network = new Network(ABC, 4);
  network.elect('a');
  network.isolate('c');
  network.run(100);
  const { term } = network.raft('a');
  network.heal();
  network.run(40);
  t.equal(network.leader?.id, 'a');
  t.equal(network.raft('a').term, term);
  t.equal(network.raft('c').term, term, 'it never left the term');
  t.end();
});

t.test('R1, R3: a vote is durable before it is told, and one per term', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.last?.persist, { hardState: { term: 2, vote: 'b' }, mustSync: true });
  t.equal(solo.sent('voteResponse').length, 0);
  solo.receive('c', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(
    solo.persist().map((message) => message.type === 'voteResponse' && message.granted),
    [true, false],
  );
  t.end();
});

t.test('R3: a vote in a term that is known already is written as well', (t) => {
  const solo = new Solo({ terms: [1], term: 2 });
  solo.receive('b', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.last?.persist, { hardState: { term: 2, vote: 'b' }, mustSync: true });
  t.strictSame(solo.now, []);
  t.match(solo.persist()[0], { granted: true });
  t.end();
});

t.test('R3: a vote survives a crash', (t) => {
  const solo = new Solo({ terms: [1], term: 2, vote: 'b' });
  solo.receive('c', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist()[0], { granted: false });
  solo.receive('b', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist()[0], { granted: true }, 'the same candidate may ask again');
  t.end();
});

t.test('R1: vote requests wait until the own log, term and vote are durable', (t) => {
  const solo = new Solo();
  solo.append('b', 1, [0, 0], [1, 1]);
  solo.persist();
  for (let at = 0; at < 40 && solo.raft.role === 'follower'; at++) solo.tick();
  solo.receive('c', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'candidate');
  t.strictSame(
    solo.sent('voteRequest').map(({ preVote }) => preVote),
    [true, true],
  );
  t.equal(solo.persist().filter((message) => message.type === 'voteRequest').length, 2);
  t.end();
});

t.test('§5.4.1: votes go to logs that are at least as up to date', (t) => {
  const cases = [
    [3, 2, true],
    [2, 2, false],
    [9, 1, false],
    [1, 3, true],
  ] as const;
  for (const [lastIndex, lastTerm, granted] of cases) {
    const solo = new Solo({ terms: [1, 2, 2] });
    solo.receive('b', 5, 'voteRequest', { preVote: false, lastIndex, lastTerm, transfer: false });
    t.match(solo.persist()[0], { granted }, `(${lastIndex}, ${lastTerm})`);
  }
  t.end();
});

t.test('E7: only answers to the present question of distinct voters count', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd', 'e'], terms: [1] });
  solo.tick(25);
  solo.receive('b', 2, 'voteResponse', { preVote: true, granted: true });
  solo.receive('b', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'pre-candidate', 'b counts once');
  solo.receive('c', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'candidate');
  solo.persist();
  solo.receive('b', 2, 'voteResponse', { preVote: true, granted: true });
  solo.receive('c', 2, 'voteResponse', { preVote: true, granted: true });
  solo.receive('b', 1, 'voteResponse', { preVote: false, granted: true });
  solo.receive('c', 1, 'voteResponse', { preVote: false, granted: true });
  t.equal(solo.raft.role, 'candidate', 'late pre-votes and votes of an older term do not count');
  t.end();
});

t.test('E8: vote requests of others do not starve the own candidacy', (t) => {
  const solo = new Solo({ terms: [5] });
  let term = 5;
  for (let ticks = 0; ticks < 20; ticks++) {
    solo.tick();
    if (solo.raft.role === 'pre-candidate') break;
    term++;
    solo.receive('c', term, 'voteRequest', { preVote: false, lastIndex: 0, lastTerm: 0, transfer: false });
    solo.persist();
  }
  t.equal(solo.raft.role, 'pre-candidate');
  t.end();
});

t.test('E9: with lease reads, a restarted member withholds its vote for an election timeout', (t) => {
  const solo = new Solo({ terms: [1], options: { leaseReads: true } });
  solo.receive('b', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.strictSame(solo.persist(), []);
  solo.tick(10);
  solo.receive('b', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist()[0], { granted: true });
  t.end();
});

t.test('E11: timeouts are drawn anew for each attempt', (t) => {
  const solo = new Solo({ terms: [1] });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    solo.sent('voteRequest');
    let ticks = 0;
    for (; ticks < 40 && solo.now.length === 0; ticks++) solo.tick();
    waits.push(ticks);
  }
  t.ok(waits.every((ticks) => ticks >= 10 && ticks <= 20));
  t.ok(new Set(waits).size > 3, String(waits));
  t.end();
});

t.test('check-quorum: a leader that nobody hears steps down within an election timeout', (t) => {
  const network = new Network(ABC, 5);
  network.elect('a');
  network.isolate('a');
  network.tick('a', 20);
  t.equal(network.raft('a').hasQuorumContact(), true);
  network.tick('a', 2);
  t.equal(network.raft('a').role, 'follower');
  t.equal(network.raft('a').hasQuorumContact(), false);
  network.run(60);
  t.not(network.leader?.id, 'a');
  t.ok(network.leader);
  t.end();
});

t.test('R7: a leader whose disk stands still steps down and another takes over', (t) => {
  const network = new Network(ABC, 6, { diskStallTicks: 15 });
  network.elect('a');
  network.propose('a');
  for (let at = 0; at < 80 && (network.leader?.id ?? 'a') === 'a'; at++) {
    for (const id of ABC) {
      network.tick(id);
      network.deliverAll();
      if (id !== 'a') network.persist(id);
    }
  }
  t.not(network.leader?.id, 'a');
  t.ok(network.leader);
  network.run(30);
  t.equal(network.raft('a').role, 'follower');
  t.equal(network.raft('a').commitIndex, network.leader?.raft.commitIndex);
  t.end();
});

t.test('transfer: the target takes over without waiting for a timeout', (t) => {
  const network = new Network(ABC, 7);
  network.elect('a');
  network.step('a', { type: 'transfer', target: 'c' as never });
  const refused = network.propose('a');
  network.settle();
  t.equal(network.leader?.id, 'c');
  t.match(
    network.member('a').proposals.find(({ id }) => id === refused),
    { refused: 'transferring' },
  );
  t.end();
});

t.test('transfer: without a target the most advanced follower is chosen, and waits for its last entry', (t) => {
  const network = new Network(ABC, 8);
  network.elect('a');
  network.lost = ({ to }) => to === 'b';
  network.propose('a');
  network.settle();
  network.heal();
  network.step('a', { type: 'transfer', target: null });
  network.settle();
  t.equal(network.leader?.id, 'c');
  t.end();
});

t.test('transfer: gives up after an election timeout', (t) => {
  const network = new Network(ABC, 9);
  network.elect('a');
  network.lost = ({ type }) => type === 'timeoutNow';
  network.step('a', { type: 'transfer', target: 'c' as never });
  network.run(25);
  t.equal(network.leader?.id, 'a');
  const id = network.propose('a');
  network.settle();
  t.match(
    network.member('a').proposals.find((outcome) => outcome.id === id),
    { refused: null },
  );
  t.end();
});
