/** What the file says about itself; nothing blank. */
export interface PdfInfo {
  title?: string;
  author?: string;
  subject?: string;
  keywords?: string;
  creator?: string;
  producer?: string;
  /** ISO 8601. */
  created?: string;
  /** ISO 8601. */
  modified?: string;
}

/** Letters that belong together, in points from the top left corner of the page as displayed. */
export interface PdfWord {
  text: string;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  /** Where the base line is: y for words that run from left to right. */
  baseline: number;
  /** Size of the font. */
  size: number;
  bold: boolean;
  /** Quarter turns clockwise that the text runs away from left to right: 0 to 3. */
  turns: number;
}

/** A line along a side of the page: `x0 === x1` or `y0 === y1`. Pieces that lie in one are joined. */
export interface PdfRuling {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  thickness: number;
}

/** A box that is filled with a colour. */
export interface PdfFill {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** A page as displayed: its own rotation is applied, and a page whose text runs sideways is turned upright. */
export interface PdfPage {
  /** From 1. */
  number: number;
  /** Points (1/72 inch). */
  width: number;
  height: number;
  /** Degrees clockwise that the page was turned for this. */
  rotation: 0 | 90 | 180 | 270;
  /** In reading order: columns one after the other, lines ended by `\n`, paragraphs by a blank line; `''` without text. */
  text: string;
  /** How many pictures are on it. */
  images: number;
  /** With `layout: true` only, as are the following. */
  words: PdfWord[];
  rulings: PdfRuling[];
  fills: PdfFill[];
}

export interface PdfDocument {
  info: PdfInfo;
  /** Pages of the document, even when fewer were read. */
  pageCount: number;
  /** Those that could be read, in order. */
  pages: PdfPage[];
  /** What could not be read or is damaged, with the number of its page, in words. */
  warnings: string[];
}

/** Whether there is no text, but pictures that may show some. */
export function isScanned({ pages }: Pick<PdfDocument, 'pages'>): boolean {
  return pages.every(({ text }) => text === '') && pages.some(({ images }) => images > 0);
}
