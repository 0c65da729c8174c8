import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { originId, revision, term, type OriginId } from '../../../../src/base/brand.js';
import type { Seen } from '../../../../src/replica/router.js';
import { createSessionTokens, TOKEN_CHARACTERS_MAX, TOKEN_ENTRIES_MAX } from '../../../../src/replica/session/token.js';
import type { Session } from '../../../../src/replica/session/types.js';

const SECRET = Buffer.alloc(32, 7);
const tokens = createSessionTokens({ cluster: 'c1', keys: [{ id: 1, secret: SECRET }] });

function origin(replica: string, at = 1): OriginId {
  return originId(`${replica}~${at.toString(16).padStart(16, '0')}`);
}

function sessionOf(entries: Readonly<Record<string, Seen>>): Session {
  return new Map(Object.entries(entries));
}

const SESSION = sessionOf({
  likes: {
    dots: [
      { origin: origin('n1'), seq: 12 },
      { origin: origin('n2'), seq: 3 },
    ],
    counter: 900,
  },
  accounts: { revision: revision(77) },
});

t.test('what was encoded is decoded, and a usual token is short (ap.md §1.2.4)', async (t) => {
  const token = tokens.encode(SESSION);
  t.same(tokens.decode(token), SESSION);
  t.match(token, /^[A-Za-z0-9_-]+$/, 'a header and a cookie can carry it');
  t.ok(token.length < 120, `${token.length} characters`);
  t.same(tokens.decode(tokens.encode(new Map())), new Map(), 'nothing seen is a session as well');
});

t.test('ap.md §1.2.6: an epoch is written beside its revision, and tokens of before are still read', async (t) => {
  const feed = sessionOf({ feed: { revision: revision(5), epoch: term(129) } });
  t.same(tokens.decode(tokens.encode(feed)), feed);
  const old = 'AQECBWxpa2VzAoQHAgJuMQAAAAAAAAAAAQwCbjIAAAAAAAAAAAEDCGFjY291bnRzAU0ArELgafvMaIsorRw31TH9eg';
  t.same(tokens.decode(old), SESSION);
  t.equal(tokens.encode(SESSION), old, 'what has no epoch is written as before: older replicas read it, too');
});

t.test('every session within the bounds comes back', async () => {
  const name = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  const dot = fc.record({
    origin: fc.tuple(name, fc.stringMatching(/^[0-9a-f]{16}$|^[a-z]{1,9}$/)).map(([r, i]) => originId(`${r}~${i}`)),
    seq: fc.maxSafeNat(),
  });
  const seen = fc.record(
    {
      revision: fc.maxSafeNat().map(revision),
      counter: fc.maxSafeNat(),
      epoch: fc.maxSafeNat().map(term),
      dots: fc.array(dot, { minLength: 1, maxLength: 5 }),
    },
    { requiredKeys: [] },
  );
  const sessions = fc.array(fc.tuple(name, seen), { maxLength: 8 }).map((entries) => new Map(entries));
  fc.assert(
    fc.property(sessions, (session) => {
      const decoded = tokens.decode(tokens.encode(session));
      return JSON.stringify([...decoded].map(sorted)) === JSON.stringify([...session].map(sorted));
    }),
  );
  function sorted([keyspace, { revision: at, counter, epoch, dots = [] }]: readonly [string, Seen]): unknown {
    return [keyspace, at ?? null, counter ?? null, epoch ?? null, dots.map(({ origin: from, seq }) => [from, seq])];
  }
});

t.test(
  'a token that was changed anywhere, cut or lengthened is not taken (ap.md §1.2.4: why it is signed)',
  async (t) => {
    const token = tokens.encode(SESSION);
    const bytes = Buffer.from(token, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      t.throws(() => tokens.decode(changed.toString('base64url')), { code: 'session_token_invalid' }, `byte ${at}`);
    }
    for (let length = 0; length < token.length; length++) {
      t.throws(() => tokens.decode(token.slice(0, length)), { code: 'session_token_invalid' }, `cut to ${length}`);
    }
    for (const odd of [`${token}A`, `${token}==`, ` ${token}`, token.replace(/^./, '+'), 'null', '💥'.repeat(40)]) {
      t.throws(() => tokens.decode(odd), { code: 'session_token_invalid' }, odd);
    }
    t.throws(() => tokens.decode('A'.repeat(TOKEN_CHARACTERS_MAX + 4)), { code: 'session_token_invalid' }, 'too long');
  },
);

t.test('a token of another cluster is not taken, not even with the same secret', async (t) => {
  const other = createSessionTokens({ cluster: 'c2', keys: [{ id: 1, secret: SECRET }] });
  t.throws(() => other.decode(tokens.encode(SESSION)), { code: 'session_token_invalid' });
});

t.test('keys are rotated: tokens of the old key are taken while it is listed', async (t) => {
  const old = tokens.encode(SESSION);
  const fresh = { id: 2, secret: Buffer.alloc(32, 8) };
  const both = createSessionTokens({ cluster: 'c1', keys: [fresh, { id: 1, secret: SECRET }] });
  const one = createSessionTokens({ cluster: 'c1', keys: [fresh] });
  t.same(both.decode(old), SESSION);
  t.same(one.decode(both.encode(SESSION)), SESSION, 'the first key signs');
  t.throws(() => one.decode(old), { code: 'session_token_invalid' });
});

t.test('a session that is too large drops what everybody has, and else says so instead of forgetting', async (t) => {
  const dots = Array.from({ length: TOKEN_ENTRIES_MAX + 6 }, (_, at) => ({
    origin: origin('n1', at + 1),
    seq: at + 1,
  }));
  const large = sessionOf({ likes: { dots, counter: 5 } });
  t.throws(() => tokens.encode(large), { code: 'session_token_invalid' });
  const pruning = createSessionTokens({
    cluster: 'c1',
    keys: [{ id: 1, secret: SECRET }],
    everywhere: (keyspace, { seq }) => keyspace === 'likes' && seq <= 10,
  });
  t.same(pruning.decode(pruning.encode(large)), sessionOf({ likes: { counter: 5, dots: dots.slice(10) } }));
  t.same(pruning.decode(pruning.encode(SESSION)), SESSION, 'a small one is left as it is');
});
