import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

t.test('CLIENT and its subcommands', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['CLIENT ID', ':1\r\n'],
    ['CLIENT GETNAME', '$-1\r\n'],
    ['CLIENT SETNAME app', '+OK\r\n'],
    ['client getname', '$3\r\napp\r\n'],
    ['CLIENT SETINFO LIB-NAME lib', '+OK\r\n'],
    ['CLIENT SETINFO LIB-VER 1.2', '+OK\r\n'],
    ['CLIENT SETINFO LIB-NOPE 1', "-ERR Unrecognized option 'LIB-NOPE'\r\n"],
    ['CLIENT INFO', /^\$\d+\r\nid=1 addr=127\.0\.0\.1:\d+ .*name=app .*cmd=client .*lib-name=lib lib-ver=1\.2\n\r\n$/],
    ['CLIENT LIST', /^\$\d+\r\nid=1 [^\n]*\n\r\n$/],
    ['CLIENT LIST ID 1 2', /^\$\d+\r\nid=1 /],
    ['CLIENT LIST ID 2', '$0\r\n\r\n'],
    ['CLIENT LIST TYPE normal', /id=1/],
    ['CLIENT LIST TYPE pubsub', '$0\r\n\r\n'],
    ['CLIENT LIST TYPE x', "-ERR Unknown client type 'x'\r\n"],
    ['CLIENT NO-EVICT on', '+OK\r\n'],
    ['CLIENT REPLY ON', '+OK\r\n'],
    ['CLIENT REPLY OFF', /^-ERR Kvorum answers every command/],
    ['CLIENT KILL', "-ERR unknown subcommand 'KILL'. Try CLIENT HELP.\r\n"],
    ['CLIENT ID x', "-ERR wrong number of arguments for 'client|id' command\r\n"],
  ]);
});
