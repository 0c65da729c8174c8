import t from 'tap';
import { openRespSession } from '../../../../fixtures/resp-session.js';

t.test('keys are counted as often as they are named, and deleted once', async (t) => {
  const { expect } = await openRespSession(t);
  await expect([
    ['MSET a 1 b 2 c 3', '+OK\r\n'],
    ['DBSIZE', ':3\r\n'],
    ['EXISTS a a b none', ':3\r\n'],
    ['TYPE a', '+string\r\n'],
    ['TYPE none', '+none\r\n'],
    ['DEL a a none', ':1\r\n'],
    ['UNLINK b c', ':2\r\n'],
    ['DBSIZE', ':0\r\n'],
    ["DEL ''", ':0\r\n'],
    ['DEL', "-ERR wrong number of arguments for 'del' command\r\n"],
  ]);
});

t.test('DEL of many keys is one command', async (t) => {
  const { expect, router } = await openRespSession(t);
  await expect([['MSET a 1 b 2', '+OK\r\n']]);
  const commands: number[] = [];
  const { defaultKeyspace } = router;
  const submit = defaultKeyspace.submit.bind(defaultKeyspace);
  defaultKeyspace.submit = (command, waiter, token) => {
    commands.push(command.operations.length);
    submit(command, waiter, token);
  };
  await expect([['DEL a b none', ':2\r\n']]);
  t.same(commands, [3]);
});
