/** A part of an SVG document, escaped already. */
export type Svg = string & { readonly __svg: true };

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Nothing smaller than this is legible on a screen. */
export const FONT_PX_MIN = 12;
/** The one that png.ts brings along. */
export const FONT_FAMILY = 'DejaVu Sans';
/** Advance of a character of that font, as a share of its size: on the large side, so that nothing overlaps. */
const ADVANCE = 0.56;

export function element(name: string, attributes: Attributes, children: readonly Svg[] = []): Svg {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const text = given.map(([key, value]) => ` ${key}="${escape(format(value ?? ''))}"`).join('');
  return (children.length === 0 ? `<${name}${text}/>` : `<${name}${text}>${children.join('')}</${name}>`) as Svg;
}

export interface TextOptions {
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly colour?: string;
  readonly bold?: boolean;
  /** Degrees, clockwise, around the text's own place. */
  readonly turned?: number;
  /** White around the letters, where lines pass behind them. */
  readonly halo?: boolean;
}

export function text(x: number, y: number, content: string, options: TextOptions = {}): Svg {
  const { anchor = 'start', bold = false, colour = COLOURS.ink, halo = false, size = FONT_PX_MIN, turned } = options;
  const attributes = {
    x,
    y,
    'font-family': FONT_FAMILY,
    'font-size': size,
    'font-weight': bold ? 'bold' : undefined,
    'text-anchor': anchor === 'start' ? undefined : anchor,
    fill: colour,
    ...(halo ? { stroke: '#ffffff', 'stroke-width': 3, 'stroke-linejoin': 'round', 'paint-order': 'stroke' } : {}),
    transform: turned === undefined ? undefined : `rotate(${format(turned)} ${format(x)} ${format(y)})`,
  };
  return element('text', attributes, [escape(content) as Svg]);
}

export function line(x1: number, y1: number, x2: number, y2: number, colour: string, more: Attributes = {}): Svg {
  return element('line', { x1, y1, x2, y2, stroke: colour, 'stroke-width': 1, ...more });
}

export function document(width: number, height: number, children: readonly Svg[]): string {
  const background = element('rect', { width, height, fill: '#ffffff' });
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}` };
  return element('svg', attributes, [background, ...children]);
}

/** Okabe and Ito's, which the colour-blind can tell apart, and greys. */
export const COLOURS = {
  ink: '#222222',
  faint: '#5c5c5c',
  grid: '#dddddd',
  blue: '#0072b2',
  orange: '#d55e00',
  green: '#009e73',
  sky: '#56b4e9',
  pink: '#cc79a7',
  yellow: '#e69f00',
} as const;

export function widthOf(content: string, size: number): number {
  return content.length * size * ADVANCE;
}

/** Breaks a text into lines that are no wider; a word that is longer stands alone. */
export function wrap(content: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of content.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || widthOf(`${last} ${word}`, size) > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Title above, caption below: what every picture has. Returns the space that is left between them. */
export function frame(
  size: { readonly width: number; readonly height: number },
  title: string,
  subtitle: string,
  caption: readonly string[],
): { readonly parts: readonly Svg[]; readonly top: number; readonly bottom: number } {
  const { height, width } = size;
  const margin = 24;
  const lines = caption.flatMap((paragraph) => wrap(paragraph, FONT_PX_MIN, width - 2 * margin));
  const lineHeight = 17;
  const bottom = height - 14 - lines.length * lineHeight;
  const parts = [
    text(margin, 36, title, { size: 20, bold: true }),
    text(margin, 60, subtitle, { size: 14, colour: COLOURS.faint }),
    line(margin, bottom, width - margin, bottom, COLOURS.grid),
    ...lines.map((each, at) => text(margin, bottom + (at + 1) * lineHeight, each, { colour: COLOURS.faint })),
  ];
  return { parts, top: 76, bottom: bottom - 10 };
}

function format(value: string | number): string {
  return typeof value === 'string' ? value : String(Math.round(value * 100) / 100);
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
