import { deflateSync } from 'node:zlib';

/** One piece of text: position of the base line from the bottom left corner, in points. */
export interface Piece {
  x: number;
  y: number;
  text: string;
  size?: number;
  bold?: boolean;
}

export interface PageOptions {
  /** Operators in front of the text: lines, boxes. */
  drawing?: string;
  rotate?: number;
  mediaBox?: readonly [number, number, number, number];
  /** Further entries of the page's resources. */
  resources?: string;
  /** What stands at `Contents` instead of a stream of the drawing and the pieces. */
  contents?: string;
}

/** Makes small PDFs with the standard fonts, so that no file of somebody else has to be committed. */
export class PdfWriter {
  readonly #objects: (string | Uint8Array)[] = ['', ''];
  readonly #pages: number[] = [];
  info = '';
  /** Further entries of the trailer. */
  trailer = '';

  /** Adds an object and gives its number. */
  add(body: string | Uint8Array): number {
    return this.#objects.push(body);
  }

  /** Adds a stream, compressed. */
  stream(content: string | Uint8Array, entries = ''): number {
    const data = deflateSync(content);
    const head = `<< ${entries} /Filter /FlateDecode /Length ${data.length} >>\nstream\n`;
    return this.add(Buffer.concat([Buffer.from(head), data, Buffer.from('\nendstream')]));
  }

  page(pieces: readonly Piece[], options: PageOptions = {}): this {
    const { drawing = '', rotate = 0, mediaBox = [0, 0, 612, 792], resources = '' } = options;
    const text = pieces.map(
      ({ x, y, text: shown, size = 10, bold = false }) =>
        `BT /${bold ? 'B' : 'F'} ${size} Tf 1 0 0 1 ${x} ${y} Tm (${shown.replaceAll(/[()\\]/g, '\\$&')}) Tj ET`,
    );
    const drawn = Buffer.from([drawing, ...text].join('\n'), 'latin1');
    const contents = options.contents ?? `${this.stream(drawn)} 0 R`;
    this.#pages.push(
      this.add(
        `<< /Type /Page /Parent 2 0 R /MediaBox [${mediaBox.join(' ')}] /Rotate ${rotate} /Contents ${contents} /Resources << /Font << /F ${this.#font('Helvetica')} /B ${this.#font('Helvetica-Bold')} >> ${resources} >> >>`,
      ),
    );
    return this;
  }

  #font(name: string): string {
    return `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`;
  }

  bytes(): Uint8Array {
    this.#objects[0] = '<< /Type /Catalog /Pages 2 0 R >>';
    const kids = this.#pages.map((number) => `${number} 0 R`).join(' ');
    this.#objects[1] = `<< /Type /Pages /Kids [${kids}] /Count ${this.#pages.length} >>`;
    const info = this.info === '' ? '' : `/Info ${this.add(`<< ${this.info} >>`)} 0 R`;
    const parts: Buffer[] = [Buffer.from('%PDF-1.7\n%\u00e2\u00e3\n', 'latin1')];
    let at = parts[0]?.length ?? 0;
    const offsets = this.#objects.map((body, index) => {
      const offset = at;
      const whole = Buffer.concat([
        Buffer.from(`${index + 1} 0 obj\n`),
        Buffer.from(body as Uint8Array),
        Buffer.from('\nendobj\n'),
      ]);
      parts.push(whole);
      at += whole.length;
      return offset;
    });
    const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
    parts.push(
      Buffer.from(
        `xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${offsets.length + 1} /Root 1 0 R ${info} ${this.trailer} >>\nstartxref\n${at}\n%%EOF\n`,
      ),
    );
    return Buffer.concat(parts);
  }
}

/** Operators for a ruled grid: lines at each x and y. */
export function grid(xs: readonly number[], ys: readonly number[]): string {
  const line = (...numbers: number[]): string =>
    `${numbers[0]} ${numbers[1]} m ${numbers[2]} ${numbers[3]} l S`;
  const [left = 0, right = 0] = [Math.min(...xs), Math.max(...xs)];
  const [bottom = 0, top = 0] = [Math.min(...ys), Math.max(...ys)];
  return [...xs.map((x) => line(x, bottom, x, top)), ...ys.map((y) => line(left, y, right, y))].join('\n');
}
