import type { Grid } from './grid.js';
import { isNumeric } from './lines.js';

/** A grid on its page. */
export interface PageGrid {
  grid: Grid;
  /** From 1. */
  page: number;
  pageHeight: number;
}

/** A table, which may go over several pages. */
export interface Table {
  /** One for each page it is on. */
  parts: PageGrid[];
  headers: string[];
  /** Data rows, without headers. */
  rows: string[][];
  /** The page of each data row. */
  rowPages: number[];
}

/** Joins what goes on on the next page: under the same header again, or right at its top in the same columns. */
export function mergePages(grids: readonly PageGrid[], merge: boolean): Table[] {
  const tables: Table[] = [];
  grids.forEach((part, index) => {
    const { grid, page } = part;
    const last = tables.at(-1);
    const isFirstOfPage = grids[index - 1]?.page !== page;
    const before = last?.parts.at(-1);
    if (merge && last !== undefined && before !== undefined && isFirstOfPage && before.page === page - 1) {
      const repeated = repeatedHeader(last, grid);
      if (repeated > 0 || goesOn(before, part)) {
        last.parts.push(part);
        const rows = grid.rows.slice(repeated);
        last.rows.push(...rows);
        last.rowPages.push(...rows.map(() => page));
        return;
      }
    }
    const rows = grid.rows.slice(grid.headerRows);
    tables.push({ parts: [part], headers: grid.headers, rows, rowPages: rows.map(() => page) });
  });
  return tables;
}

/** How many rows at the top of a grid are the header of a table again. */
function repeatedHeader({ parts: [first] }: Table, grid: Grid): number {
  const header = first?.grid.rows.slice(0, first.grid.headerRows) ?? [];
  const same = header.every((row, index) => {
    const other = grid.rows[index];
    return other?.length === row.length && row.every((text, column) => text === other[column]);
  });
  return same ? header.length : 0;
}

function goesOn(before: PageGrid, { grid, pageHeight }: PageGrid): boolean {
  const above = before.grid;
  const columns = above.headers.length;
  const numbers = (row: readonly string[] = []): number =>
    row.slice(1).filter((text) => isNumeric(text)).length;
  return (
    columns === grid.headers.length &&
    above.mode === grid.mode &&
    Math.abs(above.x0 - grid.x0) < 4 &&
    Math.abs(above.x1 - grid.x1) < 4 &&
    above.y1 > 0.8 * before.pageHeight &&
    grid.y0 < 0.18 * pageHeight &&
    numbers(grid.rows[0]) > 0 &&
    numbers(above.rows[0]) === 0
  );
}
