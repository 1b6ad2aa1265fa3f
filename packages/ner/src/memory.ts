/** Entries of a table of what was seen. */
const MOST = 50_000;

/** Adds an entry, and forgets all others when there are too many: a text of ever new words must not fill the memory. */
export function remember<T>(known: Map<string, T>, key: string, value: T): void {
  if (known.size >= MOST) known.clear();
  known.set(key, value);
}
