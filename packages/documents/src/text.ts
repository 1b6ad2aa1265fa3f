import { decode, type Decoded } from './encoding.js';
import { notADocument } from './failures.js';
import type { Draft, Reading } from './reading.js';
import { replaceAll } from './replace-all.js';

/** The text of a file in whatever encoding; how it was taken is said where it was guessed. */
export async function textOf(reading: Reading, declared?: string): Promise<string> {
  const { data, limits, pauses: pause } = reading;
  const decoded = await decode(data, { declared, usual: limits.encoding, pause });
  if (decoded === undefined) throw notADocument(reading.filename, 'text', 'its bytes are no text');
  if (decoded.isGuessed) reading.warn(`read as ${decoded.encoding}, which nothing in the file says`);
  warnOfReplaced(reading, decoded);
  return reading.text(decoded.text);
}

/** Says so where the bytes of a text are not all of its encoding. */
export function warnOfReplaced(reading: Reading, { encoding, replaced }: Decoded): void {
  if (replaced === 0) return;
  const places = replaced === 1 ? 'one place is' : `${replaced} places are`;
  reading.warn(`read as ${encoding}, of which ${places} not: U+FFFD stands there`);
}

const MIME_TYPES: readonly (readonly [endings: RegExp, mimeType: string])[] = [
  [/\.(md|markdown|mdx)$/i, 'text/markdown'],
  [/\.jsonl?$/i, 'application/json'],
  [/\.ya?ml$/i, 'application/yaml'],
  [/\.toml$/i, 'application/toml'],
];

/** Plain text and what is read as such. It comes as it stands, with the first heading of Markdown as its title. */
export async function read(reading: Reading): Promise<Draft> {
  const mimeType = MIME_TYPES.find(([endings]) => endings.test(reading.filename))?.[1];
  const text = await textOf(reading);
  const shown = mimeType === 'application/json' ? await unescaped(reading, text) : text;
  const title = mimeType === 'text/markdown' ? titleOf(text) : undefined;
  return { title, mimeType, pages: [{ number: 1, text: shown }] };
}

/** How much of a Markdown file is looked at for its title. */
const HEAD = 20_000;

/** The title in the head of a Markdown file, or its first heading. */
function titleOf(text: string): string | undefined {
  const lines = text.slice(0, HEAD).split(/\r?\n/);
  const end = lines[0] === '---' ? lines.indexOf('---', 1) : -1;
  const said = lines.slice(0, Math.max(0, end)).find((line) => line.startsWith('title:'));
  if (said !== undefined) return unquoted(said.slice(6).trim());
  let heading = lines.find((line) => line.startsWith('# '))?.trim();
  while (heading?.endsWith('#') === true) heading = heading.slice(0, -1);
  return heading?.slice(1).trim();
}

function unquoted(text: string): string {
  const quote = text[0] ?? '';
  return (quote === '"' || quote === "'") && text.length > 1 && text.endsWith(quote)
    ? text.slice(1, -1)
    : text;
}

/** JSON whose letters are written as `\u00e9` is found by its letters. It says the same as before. */
function unescaped(reading: Reading, text: string): Promise<string> {
  return replaceAll(reading, text, /\\(?:u([0-9a-fA-F]{4})|[\s\S])/g, ([whole = '', code]) => {
    if (code === undefined) return whole;
    const unit = Number.parseInt(code, 16);
    // Marks of ends of lines, and halves of characters that come alone, stay as they are.
    return unit < 0xa0 || unit === 0x2028 || unit === 0x2029 ? whole : String.fromCharCode(unit);
  });
}
