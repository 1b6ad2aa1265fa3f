import type { Figure, Figures } from '../record.ts';
import { shownCount, shownNumber, shownRatio } from './numbers.ts';
import { labelOf, tableOf } from './table.ts';

/** What was measured together: one corpus at one size. */
export interface Setting {
  readonly corpus: Figure['corpus'];
  readonly documents: number;
}

/** One kind of figure in which a peer is better, and where. */
export interface Loss {
  readonly title: string;
  readonly unit: string;
  /** Places with ratio, the worst first. */
  readonly places: readonly string[];
}

/** Every row in which a peer is better than we are, in the order of the tables. */
export function lossesOf(figures: Figures, settings: readonly Setting[]): Loss[] {
  const byTitle = new Map<string, { unit: string; places: { ratio: number; text: string }[] }>();
  for (const { corpus, documents } of settings) {
    for (const { row, title, cells, best, lost } of tableOf(figures, corpus, documents).rows) {
      const [own, other] = [cells.get('memvid'), best === undefined ? undefined : cells.get(best)];
      if (!lost || own === undefined || other === undefined || best === undefined) continue;
      const entry = byTitle.get(title) ?? { unit: row.unit, places: [] };
      const by = own.ratio === undefined ? '' : `${shownRatio(own.ratio)}, `;
      const numbers = `${shownNumber(own.value)} against ${shownNumber(other.value)} of ${labelOf(best, corpus)}`;
      entry.places.push({
        ratio: own.ratio ?? Number.POSITIVE_INFINITY,
        text: `${placeOf({ corpus, documents })}: ${by}${numbers}`,
      });
      byTitle.set(title, entry);
    }
  }
  return Array.from(byTitle, ([title, { unit, places }]) => ({
    title,
    unit,
    places: places.toSorted((left, right) => right.ratio - left.ratio).map(({ text }) => text),
  }));
}

export function placeOf({ corpus, documents }: Setting): string {
  if (corpus === 'none') return 'once';
  if (corpus === 'vectors' || corpus === 'mixtures') {
    return `${shownCount(documents)} ${VECTOR_PLACES[corpus]}`;
  }
  if (corpus === 'real' || corpus === 'synthetic') return `${shownCount(documents)} ${corpus}`;
  return DATASET_TITLES[corpus];
}

export const DATASET_TITLES = {
  locomo: 'LoCoMo',
  scifact: 'SciFact',
  'scifact-train': 'SciFact, claims for training',
} as const;
const VECTOR_PLACES = { vectors: 'real vectors', mixtures: 'mixed vectors' } as const;
