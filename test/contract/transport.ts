import t, { type Test } from 'tap';
import type { GroupId, LogIndex, ReplicaId, Term } from '../../src/base/brand.js';
import type { RaftMessage } from '../../src/engines/raft/messages.js';
import type { Envelope, PeerAddress, Transport } from '../../src/transport/transport.js';
import { Recorder } from './recorder.js';

/** What the suite needs to run an implementation. */
export interface TransportHarness {
  /** Makes the transport of `self` in a cluster of n1, n2 and n3; not started. Queues hold at most `queueBytesMax`. */
  create(self: ReplicaId, folder: string | null): Promise<Transport>;
  /** Where `self` listens. */
  addressOf(self: ReplicaId): PeerAddress;
  readonly queueBytesMax: number;
}

const N1 = 'n1' as ReplicaId;
const N2 = 'n2' as ReplicaId;
const N3 = 'n3' as ReplicaId;
const group = 'default/0' as GroupId;

export function ping(from: ReplicaId, to: ReplicaId, readRound: number): Envelope {
  return { group, message: { type: 'heartbeat', from, to, term: 1 as Term, commit: 0 as LogIndex, readRound } };
}

function append(from: ReplicaId, to: ReplicaId, prevIndex: number, payloads: readonly Uint8Array[]): Envelope {
  const term = 2 as Term;
  const entries = payloads.map((payload, at) => {
    return { index: (prevIndex + 1 + at) as LogIndex, term, kind: 'commands', payload } as const;
  });
  const fields = { prevIndex: prevIndex as LogIndex, prevTerm: 1 as Term, commit: 0 as LogIndex, entries };
  return { group, message: { type: 'appendRequest', from, to, term, ...fields } };
}

function rounds(recorder: Recorder): number[] {
  return recorder.envelopes.map(({ message }) => (message.type === 'heartbeat' ? message.readRound : -1));
}

interface Member {
  readonly transport: Transport;
  readonly recorder: Recorder;
}

/** Runs the contract of src/transport/transport.ts against one implementation. */
export function transportContract(name: string, open: () => Promise<TransportHarness>): void {
  const start = async (
    harness: TransportHarness,
    id: ReplicaId,
    folder: string | null = null,
    recorder = new Recorder(),
  ): Promise<Member> => {
    const member = { transport: await harness.create(id, folder), recorder };
    await member.transport.start(member.recorder);
    return member;
  };
  /** n1 and n2, connected in both directions. */
  const pair = async (t: Test): Promise<{ harness: TransportHarness; a: Member; b: Member }> => {
    const harness = await open();
    const a = await start(harness, N1);
    const b = await start(harness, N2);
    t.teardown(async () => {
      await a.transport.close();
      await b.transport.close();
    });
    await a.recorder.until(() => a.transport.isUp(N2));
    await b.recorder.until(() => b.transport.isUp(N1));
    return { harness, a, b };
  };

  t.test(`${name}: members find each other, and only those`, async (t) => {
    const { a, b } = await pair(t);
    t.strictSame(a.recorder.links, ['up n2']);
    t.strictSame(b.recorder.links, ['up n1']);
    t.notOk(a.transport.isUp(N3), 'n3 does not run');
    t.notOk(a.transport.isUp('n9' as ReplicaId));
    t.notOk(a.transport.send(N3, [ping(N1, N3, 1)]), 'dropped');
    t.notOk(a.transport.send('n9' as ReplicaId, [ping(N1, 'n9' as ReplicaId, 1)]), 'dropped');
    const status = a.transport.status();
    t.match(status, [
      { peer: 'n2', connected: true, reconnects: 0, queuedBytes: 0 },
      { peer: 'n3', connected: false },
    ]);
  });

  t.test(`${name}: messages arrive unchanged, in order, a frame at a time`, async (t) => {
    const { a, b } = await pair(t);
    const data = Buffer.from('chunk');
    const base = { from: N1, to: N2, term: 7 as Term };
    const index = 5 as LogIndex;
    const messages: RaftMessage[] = [
      { type: 'voteRequest', ...base, preVote: true, lastIndex: index, lastTerm: 6 as Term, transfer: false },
      { type: 'appendResponse', ...base, rejected: true, index, hintIndex: 3 as LogIndex, hintTerm: 2 as Term },
      { type: 'snapshotChunk', ...base, streamId: 1, index, indexTerm: 4 as Term, sequence: 0, last: true, data },
      { type: 'forwardProposalResponse', ...base, id: 3, refused: 'busy', index, entryTerm: 0 as Term },
    ];
    const envelopes = messages.map((message) => ({ group, message }));
    t.ok(a.transport.send(N2, envelopes));
    t.ok(
      a.transport.send(N2, [append(N1, N2, 9, [Buffer.from('x'), Buffer.alloc(200_000, 'kvorum'), Buffer.alloc(0)])]),
    );
    t.ok(b.transport.send(N1, [ping(N2, N1, 4)]), 'the other direction');
    await b.recorder.until(() => b.recorder.frames.length === 2);
    await a.recorder.until(() => a.recorder.frames.length === 1);
    t.match(a.recorder.frames[0], { from: 'n2', envelopes: [ping(N2, N1, 4)] });
    t.equal(b.recorder.frames[0]?.from, N1);
    t.equal(b.recorder.frames[0]?.envelopes.length, 4, 'one call for one frame');
    t.match(b.recorder.frames[0]?.envelopes, envelopes);
    const received = b.recorder.frames[1]?.envelopes[0]?.message;
    if (received?.type !== 'appendRequest') throw new Error('not what was sent');
    t.strictSame(
      received.entries.map((entry) => [entry.index, entry.payload.length]),
      [
        [10, 1],
        [11, 200_000],
        [12, 0],
      ],
    );
    t.ok(Buffer.from(received.entries[1]?.payload ?? []).equals(Buffer.alloc(200_000, 'kvorum')));
    t.match(a.transport.status()[0], { sentFrames: 2 });
    t.match(b.transport.status()[0], { peer: 'n1', receivedFrames: 2 });
  });

  t.test(`${name}: payloads may be kept`, async (t) => {
    const { a, b } = await pair(t);
    const count = 200;
    for (let at = 0; at < count; at++) {
      a.transport.send(N2, [append(N1, N2, at, [Buffer.alloc(at * 50, at), Buffer.alloc(10, at)])]);
    }
    await b.recorder.until(() => b.recorder.frames.length === count);
    for (const [at, { message }] of b.recorder.envelopes.entries()) {
      if (message.type !== 'appendRequest') throw new Error('not what was sent');
      const [large, small] = message.entries;
      const whole = large?.payload.length === at * 50 && large.payload.every((byte) => byte === at);
      if (!whole || !small?.payload.every((byte) => byte === at)) t.fail(`payload ${at} has changed`);
    }
  });

  t.test(`${name}: a full queue drops, and what it took arrives`, async (t) => {
    const { harness, a, b } = await pair(t);
    const payload = Buffer.alloc(64 * 1024);
    let accepted = 0;
    // In one turn of the loop, so that nothing can be taken off meanwhile.
    while (a.transport.send(N2, [append(N1, N2, accepted, [payload])])) accepted++;
    t.ok(accepted > 0);
    t.ok(a.transport.queuedBytes(N2) <= harness.queueBytesMax, 'the queue is bounded');
    t.match(a.transport.status()[0]?.closedBy, { queue_full: 1 }, 'the drop is counted');
    t.ok(a.transport.isUp(N2), 'the link stays');
    await b.recorder.until(() => b.recorder.frames.length === accepted);
    const order = b.recorder.envelopes.map(({ message }) =>
      message.type === 'appendRequest' ? message.prevIndex : -1,
    );
    t.strictSame(
      order,
      Array.from({ length: accepted }, (_, at) => at),
    );
    t.ok(a.transport.send(N2, [ping(N1, N2, 1)]), 'there is room again');
  });

  t.test(`${name}: a restarted member is found again, without old messages after new ones`, async (t) => {
    const { harness, a, b } = await pair(t);
    for (let round = 1; round <= 50; round++) a.transport.send(N2, [ping(N1, N2, round)]);
    await b.transport.close();
    await a.recorder.until(() => a.recorder.links.includes('down n2'));
    t.notOk(a.transport.isUp(N2));
    t.notOk(a.transport.send(N2, [ping(N1, N2, 51)]), 'dropped');
    const again = await start(harness, N2);
    t.teardown(() => again.transport.close());
    await a.recorder.until(() => a.transport.isUp(N2));
    t.strictSame(a.recorder.links, ['up n2', 'down n2', 'up n2']);
    t.ok(a.transport.send(N2, [ping(N1, N2, 52)]));
    await again.recorder.until(() => again.recorder.frames.length > 0);
    t.strictSame(rounds(again.recorder), [52]);
    t.equal(a.transport.status()[0]?.reconnects, 1);
    const before = rounds(b.recorder);
    t.strictSame(
      before,
      Array.from(before, (_, at) => at + 1),
      'a prefix came before',
    );
  });

  t.test(`${name}: a closed transport is silent`, async (t) => {
    const { a, b } = await pair(t);
    await a.transport.close();
    await a.transport.close();
    t.notOk(a.transport.send(N2, [ping(N1, N2, 1)]));
    t.notOk(a.transport.isUp(N2));
    await b.recorder.until(() => b.recorder.links.includes('down n1'));
    t.equal(a.recorder.frames.length, 0);
  });

  t.test(`${name}: messages name their sender and their recipient`, async (t) => {
    const { a } = await pair(t);
    t.throws(() => a.transport.send(N2, [ping(N2, N1, 1)]), { name: 'InvariantViolation' });
    t.throws(() => a.transport.send(N2, [ping(N1, N3, 1)]), { name: 'InvariantViolation' });
  });

  /** n1 with folder A, which judges as `verdict` says, and n2 with folder B; started, not connected. */
  const strangers = async (t: Test, verdict: Recorder['verdict']): Promise<[TransportHarness, Member, Member]> => {
    const harness = await open();
    const recorder = new Recorder();
    recorder.verdict = verdict;
    const a = await start(harness, N1, 'A', recorder);
    const b = await start(harness, N2, 'B');
    t.teardown(async () => {
      await a.transport.close();
      await b.transport.close();
    });
    return [harness, a, b];
  };

  t.test(`${name}: both sides name their data folders (raft.md M4)`, async (t) => {
    const seen: unknown[] = [];
    const [, a, b] = await strangers(t, (peer, folder) => {
      seen.push([peer, folder]);
      return null;
    });
    await a.recorder.until(() => a.transport.isUp(N2));
    await b.recorder.until(() => b.transport.isUp(N1));
    t.strictSame(seen[0], ['n2', 'B'], 'asked before anything else is heard');
    t.equal(a.transport.folderOf(N2), 'B');
    t.equal(b.transport.folderOf(N1), 'A');
    t.equal(a.transport.folderOf(N3), null);
  });

  for (const code of ['unknown_replica', 'removed_replica', 'foreign_folder'] as const) {
    t.test(`${name}: ${code}: no message in either direction, and both sides know why (raft.md M4, M5)`, async (t) => {
      const [, a, b] = await strangers(t, () => code);
      await b.recorder.until(() => b.recorder.refusals.length > 0);
      t.match(b.recorder.refusals[0], { by: 'n1', code, text: /n1.*n2/ });
      t.notOk(a.transport.isUp(N2));
      t.notOk(b.transport.isUp(N1));
      t.notOk(a.transport.send(N2, [ping(N1, N2, 1)]));
      t.notOk(b.transport.send(N1, [ping(N2, N1, 1)]));
      t.strictSame([...a.recorder.links, ...b.recorder.links], []);
      t.ok((b.transport.status()[0]?.closedBy[code] ?? 0) > 0, 'counted');
    });
  }

  t.test(`${name}: a refused peer comes in as soon as the reason is gone, not after a pause`, async (t) => {
    let verdict: 'foreign_folder' | null = 'foreign_folder';
    const [harness, a, b] = await strangers(t, () => verdict);
    await b.recorder.until(() => b.recorder.refusals.length > 0);
    verdict = null;
    a.transport.setPeers([harness.addressOf(N2)]);
    await a.recorder.until(() => a.transport.isUp(N2));
    await b.recorder.until(() => b.transport.isUp(N1));
    t.ok(b.transport.send(N1, [ping(N2, N1, 1)]));
    await a.recorder.until(() => a.recorder.frames.length === 1);
  });

  t.test(`${name}: setPeers cuts whoever may not take part any more (raft.md M5)`, async (t) => {
    const { harness, a, b } = await pair(t);
    a.recorder.verdict = (peer) => (peer === 'n2' ? 'removed_replica' : null);
    a.transport.setPeers([harness.addressOf(N2)]);
    await b.recorder.until(() => b.recorder.refusals.length > 0);
    t.match(b.recorder.refusals[0], { by: 'n1', code: 'removed_replica' });
    t.notOk(a.transport.isUp(N2));
    t.notOk(b.transport.isUp(N1));
    a.transport.setPeers([]);
    t.strictSame(a.transport.status(), []);
    t.equal(a.transport.folderOf(N2), null);
  });

  t.test(`${name}: a replica that comes back with another folder is asked for it anew`, async (t) => {
    const [harness, a, b] = await strangers(t, (_, folder) => (folder === 'B' ? null : 'foreign_folder'));
    await a.recorder.until(() => a.transport.isUp(N2));
    await b.transport.close();
    const again = await start(harness, N2, 'C');
    t.teardown(() => again.transport.close());
    await again.recorder.until(() => again.recorder.refusals.length > 0);
    await a.recorder.until(() => a.recorder.links.includes('down n2'));
    t.notOk(a.transport.isUp(N2));
    t.notOk(again.transport.isUp(N1));
  });

  t.test(`${name}: formations travel between peers, whole and in order with everything else`, async (t) => {
    const { a, b } = await pair(t);
    const replicas = [
      { id: N1, folder: 'A' },
      { id: N2, folder: null },
    ];
    const members = [{ id: N3, folder: 'C', peer: '127.0.0.1:7103' }];
    const message = { from: N1, to: N2, replicas, prepared: true, formed: false, members };
    t.ok(a.transport.sendFormation(message));
    t.ok(a.transport.sendFormation({ ...message, replicas: [], formed: true }));
    await b.recorder.until(() => b.recorder.formations.length === 2);
    t.strictSame(b.recorder.formations, [message, { ...message, replicas: [], formed: true }]);
    t.strictSame(b.recorder.frames, []);
    t.notOk(a.transport.sendFormation({ ...message, to: N3 }), 'lost: nobody is there');
  });
}
