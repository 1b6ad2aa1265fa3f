import type { Reading } from './reading.js';

/** Where text goes: the body of a document, a cell, a box. */
class Place {
  readonly blocks: string[] = [];
  line = '';
}

interface Table {
  readonly rows: string[][];
  /** Blank cells that stand for the width of the cell before. */
  span: number;
}

/**
 * Paragraphs and tables as they come, made into text: an empty line between paragraphs, a line a row, a tab between cells.
 * What stands in a box within a paragraph comes behind it.
 */
export class Paragraphs {
  readonly #reading: Reading;
  readonly #page: number;
  readonly #places: Place[] = [new Place()];
  readonly #tables: Table[] = [];
  /** Text of boxes whose paragraph is not over, by the place of that paragraph. */
  readonly #boxes = new Map<Place, string[]>();

  constructor(reading: Reading, page: number) {
    this.#reading = reading;
    this.#page = page;
  }

  get #place(): Place {
    return this.#places.at(-1) as Place;
  }

  add(text: string): void {
    const place = this.#place;
    place.line += text;
    this.#reading.open(place.line.length);
  }

  /** Ends a paragraph. */
  end(): void {
    const place = this.#place;
    const line = withoutTrailingBlanks(place.line);
    if (line.trim() !== '') place.blocks.push(this.#reading.text(line));
    place.line = '';
    const boxes = this.#boxes.get(place);
    if (boxes !== undefined) {
      place.blocks.push(...boxes);
      this.#boxes.delete(place);
    }
  }

  /** Begins text that stands apart from the paragraph around it. */
  openBox(): void {
    this.#places.push(new Place());
  }

  closeBox(): void {
    const text = this.#closePlace('\n\n');
    if (text === '') return;
    const boxes = this.#boxes.get(this.#place);
    if (boxes === undefined) this.#boxes.set(this.#place, [text]);
    else boxes.push(text);
  }

  openTable(): void {
    this.end();
    this.#tables.push({ rows: [], span: 0 });
  }

  openRow(): void {
    this.#tables.at(-1)?.rows.push([]);
  }

  openCell(): void {
    this.#places.push(new Place());
    const table = this.#tables.at(-1);
    if (table !== undefined) table.span = 0;
  }

  /** How many columns the open cell takes. */
  span(columns: number): void {
    const table = this.#tables.at(-1);
    if (table !== undefined && columns > 1) table.span = Math.min(columns, 64) - 1;
  }

  /** `isLast`: a blank one is none, where cells are told by what ends them. */
  closeCell(isLast: boolean = false): void {
    const text = this.#closePlace('\n');
    if (isLast && text === '') return;
    const table = this.#tables.at(-1);
    if (table === undefined) {
      if (text !== '') this.#place.blocks.push(text);
      return;
    }
    if (table.rows.length === 0) table.rows.push([]);
    table.rows.at(-1)?.push(text, ...Array.from<string>({ length: table.span }).fill(''));
    table.span = 0;
  }

  closeTable(): void {
    const table = this.#tables.pop();
    if (table === undefined) return;
    const rows = table.rows.filter((row) => row.some((cell) => cell !== ''));
    if (rows.length === 0) return;
    const lines = rows.map((row) => row.map(inOneLine).join('\t').trimEnd());
    this.#place.blocks.push(lines.join('\n'));
    // One that stands in a cell of another is part of that one's text.
    if (this.#tables.length === 0) this.#reading.table(this.#page, rows);
  }

  /** The whole text. */
  text(): string {
    while (this.#tables.length > 0) this.closeTable();
    while (this.#places.length > 1) this.closeBox();
    return this.#closePlace('\n\n');
  }

  #closePlace(between: string): string {
    this.end();
    const place = this.#places.length > 1 ? this.#places.pop() : this.#place;
    return (place?.blocks ?? []).join(between);
  }
}

/** Without expressions: a long run of blanks takes them a time that grows with its square. */
function withoutTrailingBlanks(text: string): string {
  return text.includes('\n')
    ? text
        .split('\n')
        .map((line) => line.trimEnd())
        .join('\n')
    : text.trimEnd();
}

function inOneLine(cell: string): string {
  return cell.includes('\n')
    ? cell
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .join(' ')
    : cell;
}
