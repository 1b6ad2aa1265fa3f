import { Figures, type Figure } from '../record.ts';
import { shownCount, shownNumber, shownRatio } from './numbers.ts';
import { labelOf, tableOf, type Cell } from './table.ts';

/** The table of one corpus at one size, for a terminal: each figure, and in brackets its ratio to the best peer. */
export function stageTable(corpus: Figure['corpus'], documents: number, figures: readonly Figure[]): string {
  const { peers, rows } = tableOf(new Figures(figures), corpus, documents);
  const cells = rows.map((row) =>
    [`${row.lost ? '▼ ' : '  '}${row.title}`].concat(
      peers.map((peer) => cellText(row.cells.get(peer))),
      row.row.unit,
    ),
  );
  const lines = [['', ...peers.map((peer) => labelOf(peer, corpus)), 'unit'], ...cells];
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const text = lines.map((line) =>
    line
      .map((word, column) =>
        column === 0 ? word.padEnd(widths[column] ?? 0) : word.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return `\n${corpus}, ${shownCount(documents)} documents (▼: a peer is better)\n${text.join('\n')}\n`;
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '–';
  return `${shownNumber(cell.value)}${cell.ratio === undefined ? '' : ` (${shownRatio(cell.ratio)})`}`;
}
