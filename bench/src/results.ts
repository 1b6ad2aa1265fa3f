import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { publish } from './publish.ts';
import { linesOf, type Figure, type Measured, type Samples } from './record.ts';
import { stageTable } from './report/terminal.ts';
import { writeReport } from './report/write.ts';
import { circumstances, figureOf, type Circumstances } from './summary.ts';

/** What a program has measured: one JSON line a figure to standard output and into a file. */
export class Results {
  readonly now: Circumstances = circumstances();
  readonly #figures: Figure[] = [];
  readonly #file: string;

  /** `file`: where the lines go; by default into `results/`, under the prefix and the time. */
  constructor(prefix: string, file: string | undefined) {
    const name = `${prefix}${this.now.date.replaceAll(':', '-')}.jsonl`;
    this.#file = file ?? join(import.meta.dirname, '../results', name);
    mkdirSync(dirname(this.#file), { recursive: true });
  }

  /** The figures that the samples of all rounds make, of each peer. */
  record(
    corpus: Figure['corpus'],
    documents: number,
    collected: ReadonlyMap<Measured, readonly Samples[]>,
  ): void {
    const made: Figure[] = [];
    for (const [peer, list] of collected) {
      for (const figure of new Set(list.flatMap((samples) => Object.keys(samples)))) {
        const taken = list.flatMap((samples) => samples[figure] ?? []);
        made.push(figureOf({ peer, corpus, documents, figure }, taken, this.now));
      }
    }
    this.#figures.push(...made);
    this.write(linesOf(made));
  }
  write(lines: string): void {
    appendFileSync(this.#file, lines);
    process.stdout.write(lines);
  }
  /** Shows the figures of one corpus at one size to a person. */
  showTable(corpus: Figure['corpus'], documents: number): void {
    console.error(stageTable(corpus, documents, this.#figures));
  }
  /** Puts the figures among the committed ones, and writes the page that they make. */
  publish(): void {
    console.error(`published: ${[publish(this.#figures), ...writeReport()].join(', ')}`);
  }
}
