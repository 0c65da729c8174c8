import t from 'tap';
import { enginesPicture, PICTURE, quorumPicture } from '../../../src/report/pictures.js';
import { renderPng } from '../../../src/report/plot/png.js';
import { FONT_PX_MIN, widthOf } from '../../../src/report/plot/svg.js';
import { enginesReport, figures, quorumReport, quorumRow } from './reports.js';

const PNG_SIGNATURE = '89504e470d0a1a0a';

interface Label {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly size: number;
  readonly content: string;
}

/** Every text of the picture, as the place that it takes. */
function labelsOf(svg: string): Label[] {
  return [...svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)].map(([, attributes = '', content = '']) => {
    const attribute = (name: string): string => new RegExp(` ?\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
    const [x, y, size] = [Number(attribute('x')), Number(attribute('y')), Number(attribute('font-size'))];
    // A sixth less than the estimate, which is on the large side.
    const length = widthOf(content, size) / 1.1;
    const anchor = attribute('text-anchor');
    const before = anchor === 'end' ? length : anchor === 'middle' ? length / 2 : 0;
    const turned = attribute('transform') !== '';
    return turned
      ? { x: x - size, y: y - length / 2, width: size, height: length, size, content }
      : { x: x - before, y: y - size * 0.8, width: length, height: size, size, content };
  });
}

function overlap(a: Label, b: Label): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

const pictures = {
  quorums: quorumPicture(quorumReport()),
  'unknown delays': quorumPicture(
    quorumReport({
      cluster: { ...quorumReport().cluster, delaysMs: null },
      quorums: [1, 2, 3].map((each) => quorumRow(each, { expectedMs: null, expectedP50Ms: null, deviation: null })),
    }),
  ),
  'a quorum that nothing reached': quorumPicture(
    quorumReport({ quorums: [quorumRow(1), quorumRow(2, { sequential: figures(null), concurrent: figures(null) })] }),
  ),
  engines: enginesPicture(enginesReport()),
  'engines, not valid': enginesPicture(enginesReport(['the generator was busy'])),
};

for (const [name, svg] of Object.entries(pictures)) {
  t.test(`${name}: legible, within the picture, nothing on top of another`, async (t) => {
    const labels = labelsOf(svg);
    t.ok(labels.length > 15, `${labels.length} texts`);
    for (const [at, label] of labels.entries()) {
      t.ok(label.size >= FONT_PX_MIN, `${label.content}: ${label.size} px`);
      const inside = label.x >= 0 && label.x + label.width <= PICTURE.width;
      t.ok(inside && label.y >= 0 && label.y + label.height <= PICTURE.height, `${label.content} is within`);
      const hidden = labels.slice(at + 1).filter((other) => overlap(label, other));
      t.same(
        hidden.map(({ content }) => content),
        [],
        `${label.content} stands alone`,
      );
    }
    t.notMatch(svg, /NaN|Infinity|undefined|null/);
  });

  t.test(`${name}: a PNG of its size, with letters`, async (t) => {
    const png = renderPng(svg);
    t.equal(png.subarray(0, 8).toString('hex'), PNG_SIGNATURE);
    t.same([png.readUInt32BE(16), png.readUInt32BE(20)], [PICTURE.width, PICTURE.height]);
    t.ok(png.length < 150 * 1024, `${png.length} bytes`);
    const without = renderPng(svg.replaceAll(/<text .*?<\/text>/g, ''));
    t.ok(png.length > without.length * 1.5, 'text is drawn, on a machine without fonts as well');
  });
}

t.test('figures have units, and the caption says where they come from', async (t) => {
  t.match(pictures.quorums, 'latency of a write (ms)');
  t.match(pictures.quorums, 'uniform from 5 to 50 ms');
  t.match(pictures.quorums, 'only this curve must follow');
  t.match(pictures.quorums, '0123456-dirty');
  t.match(pictures['unknown delays'], 'Delays of followers: not known');
  t.notMatch(pictures['unknown delays'], 'expected of one write');
  t.match(pictures.engines, 'writes per second');
  t.match(pictures.engines, 'latency (ms)');
  t.match(pictures.engines, 'W = 1 of its followers');
  t.notMatch(pictures.engines, 'not valid');
  t.match(pictures['engines, not valid'], 'not valid');
});

t.test('a machine that was busy with other work is said to have been', async (t) => {
  t.notMatch(pictures.quorums, 'BUSY');
  t.match(quorumPicture(quorumReport({ loadBefore: 40 })), 'BUSY');
});

t.test('every figure can be read, and how far the sequential means are from the formula', async (t) => {
  const words = (svg: string): string => svg.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
  const picture = words(pictures.quorums);
  t.match(picture, 'expected mean, no overhead 12.5 20.0 27.5 35.0 42.5');
  t.match(picture, 'one write at a time: mean 14.5 22.0 29.5 37.0 44.5 p50 ');
  t.match(picture, 'mean without any delays 1.9 1.9 1.9 1.9 1.9');
  t.match(picture, 'mean above the expected 2.0 2.0');
  t.match(picture, 'chance alone, 95 % ± 0.9 ± 1.4');
  t.match(picture, '100 writes at once: mean 16.3 26.0 35.8 45.5 55.3 p50 ');
  t.match(picture, 'within 5 % and what they take without delays of it at every W');
  const { deviation } = quorumRow(2);
  t.ok(deviation);
  if (deviation === null) return;
  const far = quorumRow(2, { deviation: { ...deviation, within5PercentAndOverhead: false } });
  const other = words(quorumPicture(quorumReport({ quorums: [quorumRow(1), far] })));
  t.match(other, 'NOT within 5 % and what they take without delays of it at W = 2.');
  t.notMatch(words(pictures['unknown delays']), 'chance alone', 'where nothing is expected');
});

t.test('what went wrong is in the picture', async (t) => {
  const followers = [
    { id: 'f1', inSync: false, comparedBy: 'values', mismatchedKeys: ['a'], mismatches: 1, error: null } as const,
  ];
  const rows = [
    quorumRow(1),
    quorumRow(2, {
      concurrent: figures(3, { failed: 2, unknown: 1 }),
      parity: { inSync: false, keys: 100, followers },
    }),
  ];
  const svg = quorumPicture(quorumReport({ quorums: rows }));
  const words = svg.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
  t.match(words, /3 writes failed or have an unknown outcome/);
  t.match(words, /followers DIFFERED after W = 2/);
});
