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
      const body = encodeFormation({ replicas: sent, prepared, formed }).subarray(12);
      t.strictSame(decode(body), { replicas: sent, prepared, formed });
      const generated = kvorum.peer.PeerFrame.decode(body).formation;
      t.equal(generated?.replicas?.length ?? 0, sent.length);
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
  const cut = kvorum.peer.PeerFrame.encode({ formation: { replicas: [{ id: 'n1', folder: 'f1' }] } }).finish();
  cut[5] = 60; // The length of the id.
  t.throws(() => decode(cut), { name: 'WireError', reason: 'malformed' });
});
