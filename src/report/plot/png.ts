import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Resvg } from '@resvg/resvg-js';
import { FONT_FAMILY } from './svg.js';

/** Files of the font package: a machine without a screen often has no font at all, and text would vanish without a word. */
const FILES = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

/** Draws an SVG document at its own size, with the font that comes with this program, whatever the machine has. */
export function renderPng(svg: string): Buffer {
  const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
  const font = {
    loadSystemFonts: false,
    fontFiles: FILES.map((file) => join(folder, file)),
    defaultFontFamily: FONT_FAMILY,
  };
  return new Resvg(svg, { font, background: '#ffffff' }).render().asPng();
}
