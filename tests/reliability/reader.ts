/**
 * Reads a memory until SIGTERM, while others write it, and checks that every answer is of one whole state: each listed
 * document has the text of its name, and a batch is there as a whole or not at all. Prints a `Reading` at the end.
 * Its one argument is the path.
 */
import { open, type Memvid } from '@memvid/sdk';
import { keptBatch, nameOf, textOf } from './documents.ts';

/** What a reader saw. */
export interface Reading {
  rounds: number;
  problems: string[];
  /** The longest that each call took, in milliseconds. */
  longest: Record<string, number>;
}

const file = process.argv[2] ?? '';
const reading: Reading = { rounds: 0, problems: [], longest: {} };
const over = new AbortController();
process.on('SIGTERM', () => over.abort());

/** Runs a call and notes how long it took. */
async function timed<T>(call: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await run();
  const took = performance.now() - start;
  reading.longest[call] = Math.max(reading.longest[call] ?? 0, Math.round(took));
  return result;
}

async function look(memory: Memvid): Promise<void> {
  const entries = await timed('timeline', () => memory.timeline({ limit: 10_000_000 }));
  const batches = new Map<string, { count: number; there: number }>();
  for (const { uri } of entries) {
    const kept = keptBatch(uri);
    if (kept === undefined) continue;
    const seen = batches.get(kept.batch) ?? { count: kept.count, there: 0 };
    seen.there += 1;
    batches.set(kept.batch, seen);
  }
  for (const [batch, { count, there }] of batches) {
    if (count !== there) reading.problems.push(`${there} of ${count} of batch ${batch}`);
  }
  for (const { frame_id, uri } of entries.slice(-5)) {
    // It may have been removed since.
    const text = await timed('view', () => memory.view(frame_id)).catch((error: { code?: string }) => {
      if (error.code !== 'MV010') throw error;
      return undefined;
    });
    if (text !== undefined && uri.startsWith('mv2://reliability/') && textOf(nameOf(text)) !== text) {
      reading.problems.push(`${uri} has a text that nobody stored: ${text.slice(0, 80)}`);
    }
  }
  const { hits } = await timed('find', () => memory.find('says', { k: 20 }));
  for (const hit of hits) {
    if (hit.uri.startsWith('mv2://reliability/') && !hit.text.includes('says')) {
      reading.problems.push(`found ${hit.uri} by a word it does not have`);
    }
  }
  const { frame_count, active_frame_count } = await timed('stats', () => memory.stats());
  if (active_frame_count > frame_count) reading.problems.push('more active frames than frames');
}

const memory = await open(file, { readOnly: true });
process.stdout.write('ready\n');
while (!over.signal.aborted && reading.problems.length < 20) {
  await look(memory).catch((error: unknown) => reading.problems.push(String(error)));
  reading.rounds += 1;
  // Lets the signal come.
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await memory.close();
process.stdout.write(`${JSON.stringify(reading)}\n`);
