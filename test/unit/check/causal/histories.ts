import type { Operation, OperationKind } from '../../../../src/check/operation.js';

/**
 * Reads histories as the literature writes them: `p0: w x 1, r x 2 | p1: w x 2, r x 1`, where 0 is the initial state.
 * `d x 3` deletes (version 3); `r x -3` finds the key absent, by that delete. `w? x 1` and `d? x` have an unknown outcome,
 * `r x -` finds it absent without knowing why.
 */
export function history(text: string): Operation[] {
  let now = 0;
  return text.split('|').flatMap((process) => {
    const [client = '', list = ''] = process.split(':');
    return list.split(',').map((each) => operation(client.trim(), each.trim().split(' '), now++));
  });
}

function operation(client: string, [word = '', key = '', text = '0']: readonly string[], at: number): Operation {
  const kinds: Readonly<Record<string, OperationKind>> = { w: 'put', r: 'get', d: 'delete' };
  const kind = kinds[word.charAt(0)];
  if (kind === undefined) throw new Error(`no operation ${word}`);
  const isAbsent = kind === 'delete' || text === '0' || text.startsWith('-');
  const deleted = kind === 'delete' ? text : /^-(.+)/.exec(text)?.[1];
  const isUnknown = word.endsWith('?');
  return {
    client,
    kind,
    key,
    value: isAbsent ? null : text,
    ...(deleted === undefined || isUnknown || deleted === '0' ? {} : { version: [Number(deleted), 'n'] as const }),
    call: at * 2,
    return: isUnknown ? null : at * 2 + 1,
    outcome: isUnknown ? 'unknown' : 'ok',
  };
}
