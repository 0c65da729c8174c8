import type { Witness } from '../explain.js';
import { escape, renderPage, renderTimeline } from '../html.js';
import { layOut, type Shown } from '../layout.js';
import type { Operation } from '../operation.js';
import { describe, quote } from '../quote.js';
import { clientName, drawLanes, where } from '../text.js';
import type { Evidence } from './types.js';

const WITNESSES_MAX = 60;
const VALUE_CHARS_MAX = 20;
const KEY_CHARS_MAX = 20;
const PAGE_WITNESSES_MAX = 1000;
const PAGE_CHARS_MAX = 400;

/** Why a history is refused, for a terminal: what happened, what follows from it, and a timeline. */
export function describeEvidence(evidence: Evidence): string {
  const { operations, pattern, sentences, summary } = evidence;
  const layout = layOut(shown(evidence), WITNESSES_MAX, VALUE_CHARS_MAX);
  return [
    `${pattern}: ${summary}`,
    '',
    ...operations.slice(0, WITNESSES_MAX).map((operation, at) => `  [${at + 1}] ${tell(operation, VALUE_CHARS_MAX)}`),
    ...(operations.length > WITNESSES_MAX ? [`  and ${operations.length - WITNESSES_MAX} more`] : []),
    '',
    ...sentences,
    '',
    ...drawLanes(layout),
  ].join('\n');
}

/** The same as a page of its own: no script, nothing is loaded, everything is escaped. */
export function renderEvidence(evidence: Evidence): string {
  const { culprit, operations, pattern, sentences, summary } = evidence;
  const layout = layOut(shown(evidence), PAGE_WITNESSES_MAX, VALUE_CHARS_MAX);
  const row = (operation: Operation, at: number): string => {
    const cells = [`[${at + 1}]`, describeKeyed(operation, PAGE_CHARS_MAX), laneOf(operation)].map(
      (text) => `<td>${escape(text)}</td>`,
    );
    const { call, line, return: end } = operation;
    const numbers = [call, end, line].map((number) => `<td class="number">${number ?? ''}</td>`);
    return `<tr${operation === culprit ? ' class="culprit"' : ''}>${[...cells, ...numbers].join('')}</tr>`;
  };
  return renderPage(
    `${pattern}: ${summary}`,
    `<p>${sentences.map(escape).join('<br>\n')}</p>
<p class="faint">Only the operations that it takes to show it. One lane for each session; time runs from left to right, not to scale. Dashed: the outcome is unknown.</p>
${renderTimeline(layout)}
<table>
<thead><tr><th></th><th>operation</th><th>session</th><th>call</th><th>return</th><th>line</th></tr></thead>
<tbody>
${operations.slice(0, PAGE_WITNESSES_MAX).map(row).join('\n')}
</tbody>
</table>
`,
  );
}

/** `line 3, client a, 0 to 1: put "x" "1", version [2,"n1"]`. */
function tell(operation: Operation, charsMax: number): string {
  const { session, version } = operation;
  const named = session === undefined ? '' : ` (session ${clientName(session)})`;
  const versioned = version === undefined ? '' : `, version ${quoteVersion(version)}`;
  return `${where(operation)}${named}: ${describeKeyed(operation, charsMax)}${versioned}`;
}

function quoteVersion([counter, id]: NonNullable<Operation['version']>): string {
  return `[${counter},${typeof id === 'number' ? id : quote(id, KEY_CHARS_MAX)}]`;
}

/** `put "x" "1"`: what it did, to which key. */
function describeKeyed(operation: Operation, charsMax: number): string {
  const [kind = '', ...rest] = describe(operation, charsMax).split(' ');
  return [kind, quote(operation.key, KEY_CHARS_MAX), ...rest].join(' ');
}

function shown({ culprit, operations }: Evidence): Shown {
  const witnesses = operations.map((operation, at): Witness => ({ operation, running: false, place: at + 1 }));
  return {
    culprit,
    witnesses,
    label: ({ operation, place }, charsMax) => `${place} ${describeKeyed(operation, charsMax)}`,
    laneOf,
  };
}

function laneOf({ client, session }: Operation): string {
  return session === undefined ? String(client) : `${client}/${session}`;
}
