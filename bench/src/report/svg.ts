/** Colours that can be read on white and on near-black: pages show the charts on either. */
export const INK = '#7a828c';
export const FAINT = '#8b949e40';

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A coordinate: two digits are finer than any screen. */
export function at(value: number): string {
  return String(Number(value.toFixed(2)));
}

export function text(
  x: number,
  y: number,
  words: string,
  options: { anchor?: 'start' | 'middle' | 'end'; fill?: string; bold?: boolean; size?: number } = {},
): string {
  const { anchor = 'start', fill = INK, bold = false, size = 12 } = options;
  const weight = bold ? ' font-weight="600"' : '';
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="${fill}" font-size="${size}"${weight}>${escaped(words)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke: string = FAINT): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${stroke}"/>`;
}

/** A drawing with a title that is read aloud. */
export function drawing(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif">`,
    `<title>${escaped(title)}</title>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
