import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Collects every name that comes up in the folder of a memory, however briefly. */
export function namesBeside(file: string): { names: Set<string>; stop: () => Promise<void> } {
  const names = new Set<string>();
  const watcher = watch(dirname(file), (event, name) => {
    // A file without a name (O_TMPFILE), which nobody can see, is reported by its number when it changes.
    if (event === 'change' && /^#\d+$/.test(name ?? '')) return;
    names.add(name ?? '?');
  });
  return {
    names,
    async stop() {
      await delay(50); // The system reports what has happened a little later.
      watcher.close();
    },
  };
}
