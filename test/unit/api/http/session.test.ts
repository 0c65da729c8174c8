import t from 'tap';
import { originId, revision } from '../../../../src/base/brand.js';
import type { Seen } from '../../../../src/replica/router.js';
import { createSessionTokens, TOKEN_ENTRIES_MAX } from '../../../../src/replica/session/token.js';
import { SessionScope } from '../../../../src/api/http/session.js';

const tokens = createSessionTokens({ cluster: 'local', keys: [{ id: 1, secret: new Uint8Array(32) }] });

function origins(name: string, count: number): Seen {
  const dots = Array.from({ length: count }, (_, at) => ({
    origin: originId(`${name}${at}~0123456789abcdef`),
    seq: 1,
  }));
  return { dots, counter: 1 };
}

t.test('a session that has become too large forgets what it used least, and says so (ap.md §1.2.4)', (t) => {
  let scope = new SessionScope(tokens, null);
  scope.observe('a', origins('a', 30));
  scope.observe('b', origins('b', 20));
  t.same(scope.dropped, []);
  scope = new SessionScope(tokens, scope.header());
  scope.observe('a', origins('a', 1));
  scope = new SessionScope(tokens, scope.header());
  scope.observe('c', origins('c', 30));
  t.same(scope.dropped, ['b'], 'a was used later than b');
  t.same([...tokens.decode(scope.header()).keys()], ['a', 'c']);
  scope = new SessionScope(tokens, scope.header());
  scope.observe('a', { revision: revision(3) });
  t.same(scope.dropped, [], 'it is told once');
  t.end();
});

t.test('what one request has seen is never half told: what was sent still holds', (t) => {
  const before = new SessionScope(tokens, null);
  before.observe('a', origins('a', 2));
  const scope = new SessionScope(tokens, before.header());
  scope.observe('b', origins('b', TOKEN_ENTRIES_MAX + 1));
  t.same([...tokens.decode(scope.header()).keys()], ['a']);
  t.same(scope.dropped, ['b']);
  const fresh = new SessionScope(tokens, null);
  fresh.observe('b', origins('b', TOKEN_ENTRIES_MAX + 1));
  t.equal(tokens.decode(fresh.header()).size, 0);
  t.same(fresh.dropped, ['b']);
  t.end();
});
