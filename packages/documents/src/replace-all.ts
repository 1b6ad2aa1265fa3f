import type { Reading } from './reading.js';

/** Longest text of which all is replaced in one go, and replacements of a longer one. */
const SHORT = 64 * 1024;
const AT_ONCE = 4096;

/** `replaceAll` that lets other work go on. `by` gets what was found, with its groups. */
export async function replaceAll(
  reading: Reading,
  text: string,
  pattern: RegExp,
  by: (found: readonly (string | undefined)[]) => string,
): Promise<string> {
  if (text.length <= SHORT) return text.replaceAll(pattern, (...found: string[]) => by(found));
  const blocks: string[] = [];
  let pieces: string[] = [];
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > from) pieces.push(text.slice(from, found.index));
    pieces.push(by(found));
    from = found.index + found[0].length;
    if (pieces.length < AT_ONCE) continue;
    blocks.push(pieces.join(''));
    pieces = [];
    await reading.pause();
  }
  return [...blocks, ...pieces, text.slice(from)].join('');
}
