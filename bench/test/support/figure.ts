import type { Figure } from '../../src/record.ts';

/** A figure with everything that does not matter filled in. */
export function figure(given: Partial<Figure>): Figure {
  return {
    peer: 'memvid',
    corpus: 'real',
    documents: 1000,
    figure: 'ingest',
    value: 1,
    unit: 'documents/s',
    rounds: 1,
    date: '2026-01-01T00:00:00',
    commit: 'abc',
    machine: 'a machine',
    node: '24.0.0',
    load: 0,
    ...given,
  };
}
