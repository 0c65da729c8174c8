import type { Explanation, Witness } from './explain.js';
import { isOpen, layOut, type Bar, type Layout } from './layout.js';
import { describe, printable, quote } from './quote.js';
import { accuse, clientName, extent, stateOf, where } from './text.js';

const WITNESSES_MAX = 1000;
const VALUE_CHARS_MAX = 32;
const TITLE_CHARS_MAX = 400;
const COLUMN_PX = 8;
const LANE_PX = 40;
const BAR_PX = 26;
const NAME_PX = 130;

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --faint: #656d76; --page: #fff; --lane: #d0d7de;
  --write: #ddf4ff; --write-edge: #0969da; --read: #dafbe1; --read-edge: #1a7f37;
  --open: #f6f8fa; --open-edge: #8c959f; --bad: #cf222e; --bad-ink: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9198a1; --page: #0d1117; --lane: #30363d;
  --write: #0c2d6b; --write-edge: #58a6ff; --read: #033a16; --read-edge: #3fb950;
  --open: #21262d; --open-edge: #8b949e; --bad: #da3633; --bad-ink: #fff; } }
body { margin: 2rem; color: var(--ink); background: var(--page); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } p { max-width: 60rem; } .scroll { overflow-x: auto; margin: 1.5rem 0; }
svg text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: var(--ink); }
svg .client { font-weight: 600; } svg .lane { stroke: var(--lane); stroke-dasharray: 2 4; }
.write rect { fill: var(--write); stroke: var(--write-edge); } .read rect { fill: var(--read); stroke: var(--read-edge); }
.open rect { fill: var(--open); stroke: var(--open-edge); stroke-dasharray: 5 3; }
.culprit rect { fill: var(--bad); stroke: var(--bad); } .culprit text { fill: var(--bad-ink); font-weight: 700; }
table { border-collapse: collapse; font-size: 0.9rem; } th, td { text-align: left; padding: 0.2rem 1rem 0.2rem 0; }
td { font-family: ui-monospace, Menlo, Consolas, monospace; border-top: 1px solid var(--lane); overflow-wrap: anywhere; }
td.number { text-align: right; } tr.culprit td { color: var(--bad); font-weight: 700; } .faint { color: var(--faint); }
`;

/** Why a history is not linearizable, as a page of its own: no script, nothing is loaded, everything is escaped. */
export function renderViolation(explanation: Explanation): string {
  const { concurrent, key, model } = explanation;
  const layout = layOut(explanation, WITNESSES_MAX, VALUE_CHARS_MAX);
  const title = `Key ${quote(key, 60)} is not linearizable`;
  return renderPage(
    title,
    `<p>${accuse(explanation).map(escape).join('<br>\n')}</p>
<p class="faint">Model ${escape(model.name)}. ${escape(extent(explanation))}${cutNote(layout)} Time runs from left to right, not to scale. Numbers are the places of an order that explains everything but the red operation. Dashed: still running, or the outcome is unknown.</p>
${renderTimeline(layout)}
${renderTable(explanation)}
${concurrent.length === 0 ? '' : `<h2>At the same time, without changing anything</h2>\n<ul>\n${concurrent.map((operation) => `<li>${escape(`${where(operation)}: ${describe(operation, VALUE_CHARS_MAX)}`)}</li>`).join('\n')}\n</ul>\n`}`,
  );
}

/** `body` is markup, with everything from outside escaped. */
export function renderPage(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escape(title)}</h1>
${body}</body>
</html>
`;
}

function cutNote({ cut }: Layout): string {
  return cut === 0 ? '' : ` The first ${cut} of them do not fit.`;
}

export function renderTimeline(layout: Layout): string {
  const { columns, lanes } = layout;
  const width = NAME_PX + (columns + 2) * COLUMN_PX;
  const height = lanes.length * LANE_PX;
  const body = lanes.map(({ bars, client }, at) => {
    const middle = at * LANE_PX + LANE_PX / 2;
    const name =
      client === null ? '' : `<text class="client" x="0" y="${middle + 5}">${escape(clientName(client))}</text>`;
    const line = `<line class="lane" x1="${NAME_PX}" y1="${middle}" x2="${width}" y2="${middle}"/>`;
    return [name, line, ...bars.map((bar) => renderBar(bar, middle, columns))].filter((part) => part !== '').join('\n');
  });
  return `<div class="scroll">
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Timeline, one lane for each client">
${body.join('\n')}
</svg>
</div>`;
}

function renderBar(bar: Bar, middle: number, columns: number): string {
  const x = NAME_PX + bar.from * COLUMN_PX;
  const width = ((bar.to ?? columns + 1) - bar.from) * COLUMN_PX;
  const rect = `<rect x="${x}" y="${middle - BAR_PX / 2}" width="${width}" height="${BAR_PX}" rx="4"/>`;
  const label = `<text x="${x + COLUMN_PX / 2}" y="${middle + 5}">${escape(bar.label)}</text>`;
  const title = `${where(bar.witness.operation)}: ${describe(bar.witness.operation, TITLE_CHARS_MAX)}`;
  return `<g class="${classOf(bar)}"><title>${escape(title)}</title>${rect}${label}</g>`;
}

function classOf({ isCulprit, witness }: Bar): string {
  if (isCulprit) return 'culprit';
  if (isOpen(witness)) return 'open';
  return witness.operation.kind === 'get' ? 'read' : 'write';
}

function renderTable({ culprit, witnesses }: Explanation): string {
  const row = (witness: Witness): string => {
    const { call, client, line, return: end } = witness.operation;
    const cells = [
      `<td>${escape(stateOf(witness, culprit))}</td>`,
      `<td>${escape(describe(witness.operation, TITLE_CHARS_MAX))}</td>`,
      `<td>${escape(clientName(client))}</td>`,
      ...[call, end, line].map((number) => `<td class="number">${number ?? ''}</td>`),
    ];
    return `<tr${witness.operation === culprit ? ' class="culprit"' : ''}>${cells.join('')}</tr>`;
  };
  return `<table>
<thead><tr><th>effect</th><th>operation</th><th>client</th><th>call</th><th>return</th><th>line</th></tr></thead>
<tbody>
${witnesses.slice(-WITNESSES_MAX).map(row).join('\n')}
</tbody>
</table>`;
}

/** For text and for attributes in double quotes. */
export function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return printable(text).replaceAll(/[&<>"']/g, (char) => entities[char] ?? char);
}
