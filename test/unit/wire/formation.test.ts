import t from 'tap';
import { replicaId } from '../../../src/base/brand.js';
import { decodeFrame, encodeFormation, WireError, type WireErrorReason } from '../../../src/wire/codec.js';
import { kvorum } from '../../../src/wire/protobuf.js';
import { ROUTE } from './arbitraries.js';

function decode(frame: Uint8Array): ReturnType<typeof decodeFrame>['formation'] {
  return decodeFrame(Buffer.from(frame), ROUTE).formation;
}

function reasonOf(formation: kvorum.peer.Formation.$Properties): WireErrorReason | 'accepted' {
  try {
    decode(kvorum.peer.PeerFrame.encode({ formation }).finish());
    return 'accepted';
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error.reason;
  }
}

const replicas = Array.from({ length: 64 }, (_, at) => ({ id: `n${at}`, folder: at === 3 ? '' : 'f'.repeat(32) }));

t.test('a formation comes back as it was sent, and as the generated code understands it', async (t) => {
  const list = replicas.map(({ id, folder }) => ({ id: replicaId(id), folder: folder === '' ? null : folder }));
  for (const [prepared, formed] of [
    [false, false],
    [true, false],
    [true, true],
  ] as const) {
    for (const sent of [list, list.slice(0, 3), []]) {
      const members = sent.map((info, at) => ({
        ...info,
        peer: at === 1 ? null : `${'h'.repeat(253)}:${10_000 + at}`,
      }));
      for (const vouched of [members, members.slice(1), []]) {
        const body = encodeFormation({ replicas: sent, prepared, formed, members: vouched }).subarray(12);
        t.strictSame(decode(body), { replicas: sent, prepared, formed, members: vouched });
        const generated = kvorum.peer.PeerFrame.decode(body).formation;
        t.equal(generated?.replicas?.length ?? 0, sent.length);
        t.equal(generated?.members?.length ?? 0, vouched.length);
      }
    }
  }
  t.equal(decode(kvorum.peer.PeerFrame.encode({ ping: { sequence: 1 } }).finish()), null);
});

t.test('what no replica says about a formation (reliability.md §6.5)', async (t) => {
  t.equal(reasonOf({ replicas }), 'accepted');
  t.equal(reasonOf({ replicas: [...replicas, { id: 'n64', folder: '' }] }), 'too_many_elements');
  t.equal(reasonOf({ replicas: [{ id: 'i'.repeat(65), folder: 'f' }] }), 'out_of_range');
  t.equal(reasonOf({ replicas: [{ id: 'n1', folder: 'f'.repeat(65) }] }), 'out_of_range');
  t.equal(reasonOf({ replicas: [{ id: '', folder: 'f' }] }), 'protocol_violation');
  t.equal(reasonOf({ replicas: [replicas[0] ?? {}, replicas[0] ?? {}] }), 'protocol_violation', 'twice');
  const members = replicas.map((info) => ({ ...info, peer: '127.0.0.1:7101' }));
  t.equal(reasonOf({ members }), 'accepted');
  t.equal(reasonOf({ members: [...members, { id: 'n64' }] }), 'too_many_elements');
  t.equal(reasonOf({ members: [{ id: 'n1', peer: 'h'.repeat(260) }] }), 'out_of_range');
  t.equal(reasonOf({ members: [{ id: 'n1', folder: 'f'.repeat(65) }] }), 'out_of_range');
  t.equal(reasonOf({ members: [{ id: '', peer: 'h:1' }] }), 'protocol_violation');
  t.equal(reasonOf({ members: [{ id: 'n1' }, { id: 'n1', folder: 'f' }] }), 'protocol_violation', 'twice');
  const cut = kvorum.peer.PeerFrame.encode({ formation: { replicas: [{ id: 'n1', folder: 'f1' }] } }).finish();
  cut[5] = 60; // The length of the id.
  t.throws(() => decode(cut), { name: 'WireError', reason: 'malformed' });
});

t.test('versions: without members nobody is vouched for, and fields that are not known are passed over', async (t) => {
  const older = kvorum.peer.PeerFrame.encode({ formation: { replicas: [{ id: 'n1' }], formed: true } }).finish();
  t.strictSame(decode(older)?.members, []);
  // A FormingReplica with a field 3 of 300 bytes: of a later version, not an address.
  const later = kvorum.peer.Formation.encode({ members: [{ id: 'n1', peer: 'h'.repeat(300) }] }).finish();
  later[0] = (1 << 3) | 2;
  const frame = Buffer.concat([Buffer.from([(4 << 3) | 2, 0x80 | (later.length & 0x7f), later.length >> 7]), later]);
  t.strictSame(decode(frame)?.replicas, [{ id: 'n1', folder: null }]);
});
