// The process that reads PDFs. Only types are imported from beside it, so that Node runs this file as it is.
import { createRequire } from 'node:module';
import type { Answer, Attempt, Request } from './messages.js';

interface Addon {
  readDocument(data: Uint8Array, layout: boolean, maxPages: number, onPage: (page: string) => void): string;
  limitMemory(bytes: number): boolean;
}

const load = createRequire(import.meta.url);
let addon: Addon | undefined;

process.on('message', ({ data, layout, maxPages, addons, memory }: Request) => {
  const attempts: Attempt[] = [];
  addon ??= firstOf(addons, memory, attempts);
  if (addon === undefined) {
    answer({ notLoaded: attempts });
    return;
  }
  try {
    answer({ summary: addon.readDocument(data, layout, maxPages, (page) => answer({ page })) });
  } catch (error) {
    answer({ refused: error instanceof Error ? error.message : String(error) });
  }
});

// Whoever asked is gone, and so is the reason to be here.
process.on('disconnect', () => process.exit());

function answer(message: Answer): void {
  process.send?.(message);
}

function firstOf(targets: readonly string[], memory: number, attempts: Attempt[]): Addon | undefined {
  for (const target of targets) {
    try {
      const loaded = load(target) as Addon;
      loaded.limitMemory(memory);
      return loaded;
    } catch (error) {
      const [reason = 'unknown'] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
      const missing = error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
      attempts.push({ target, reason, missing });
    }
  }
  return undefined;
}
