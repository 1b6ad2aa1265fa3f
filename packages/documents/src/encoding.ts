import { analyse } from 'chardet';
import { labelOf } from './encoding-label.js';

/** Text, and what its bytes were taken for. */
export interface Decoded {
  readonly text: string;
  /** As `TextDecoder` names it: `utf-8`, `shift_jis`, `windows-1252`. */
  readonly encoding: string;
  /** Whether nothing but the bytes themselves told. */
  readonly isGuessed: boolean;
  /** How many places are not of this encoding, and U+FFFD in the text. */
  readonly replaced: number;
}

/** Bytes that are looked at where nothing tells the encoding. */
const SAMPLE = 64 * 1024;
/** Characters of what they would be that are looked at. */
const LOOKED_AT = 8 * 1024;

const MARKS: readonly (readonly [encoding: string, mark: readonly number[]])[] = [
  ['utf-32le', [0xff, 0xfe, 0, 0]],
  ['utf-32be', [0, 0, 0xfe, 0xff]],
  ['utf-8', [0xef, 0xbb, 0xbf]],
  ['utf-16le', [0xff, 0xfe]],
  ['utf-16be', [0xfe, 0xff]],
];

/** So many characters that only an encoding can explain are to stand for each place that is not of it. */
const FOR_EACH_REPLACED = 4;

/**
 * The text of bytes in whatever encoding: by its mark, as UTF-8 where the bytes are that, or were before they were cut or
 * changed, as `declared` where the file says so, as `usual`, and by the frequencies of bytes last. `undefined` for bytes
 * that are no text.
 */
export function decode(data: Uint8Array, declared?: string, usual?: string): Decoded | undefined {
  for (const [encoding, mark] of MARKS) {
    if (!mark.every((byte, at) => data[at] === byte)) continue;
    return mended(encoding, data.subarray(mark.length), (text) => text.length, false);
  }
  const utf16 = utf16Of(data);
  if (utf16 !== undefined) return mended(utf16, data, (text) => text.length, true);
  if (data.includes(0)) return undefined;
  const shifts = hasShifts(data.subarray(0, SAMPLE)) ? decodeAs('iso-2022-jp', data) : undefined;
  if (shifts !== undefined) return { text: shifts, encoding: 'iso-2022-jp', isGuessed: true, replaced: 0 };
  // ASCII is in all encodings, and speaks for none.
  const utf8 = mended('utf-8', data, beyondAscii, false);
  if (utf8 !== undefined) return utf8;
  const said = declared === undefined ? undefined : labelOf(declared);
  if (said !== undefined && said !== 'utf-8') {
    const text = decodeAs(said, data);
    if (text !== undefined) return { text, encoding: said, isGuessed: false, replaced: 0 };
  }
  // Where it begins to tell: a long text may have its first letter beyond ASCII late.
  const first = data.findIndex((byte) => byte > 0x7f);
  const from = Math.max(0, first - 512);
  const sample = data.subarray(from, from + SAMPLE);
  for (const encoding of usual === undefined ? guesses(sample) : [usual, ...guesses(sample)]) {
    const text = decodeAs(encoding, data);
    if (text !== undefined) return { text, encoding, isGuessed: true, replaced: 0 };
  }
  return undefined;
}

/**
 * The text of bytes that are of an encoding, or were before they were cut or changed: then U+FFFD stands for what is not.
 * `undefined` where that is not likely. `speaking`: how many characters of a text only this encoding can explain.
 */
function mended(
  encoding: string,
  data: Uint8Array,
  speaking: (text: string) => number,
  isGuessed: boolean,
): Decoded | undefined {
  const text = decodeAs(encoding, data);
  if (text !== undefined) return { text, encoding, isGuessed, replaced: 0 };
  const { whole, rest } = decodeLoosely(encoding, data);
  const replaced = occurrences(whole, '\ufffd') - ownReplacements(encoding, data);
  const count = speaking(whole) - replaced;
  // A character that a cut went through, at the end, speaks against nothing.
  if (count < 1 || count < replaced * FOR_EACH_REPLACED) return undefined;
  return { text: whole + rest, encoding, isGuessed, replaced: replaced + rest.length };
}

function beyondAscii(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) count += 1;
  return count;
}

function occurrences(text: string | Buffer, what: string): number {
  let count = 0;
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + what.length)) count += 1;
  return count;
}

/** Those that the file itself has, from somebody who read it wrongly before. */
function ownReplacements(encoding: string, { buffer, byteOffset, byteLength }: Uint8Array): number {
  return encoding === 'utf-8' ? occurrences(Buffer.from(buffer, byteOffset, byteLength), '\ufffd') : 0;
}

/** Every text of more than a few characters of such a script has these. */
function hasShifts(sample: Uint8Array): boolean {
  for (let at = sample.indexOf(0x1b); at >= 0; at = sample.indexOf(0x1b, at + 1)) {
    if (sample[at + 1] === 0x24 && (sample[at + 2] === 0x42 || sample[at + 2] === 0x40)) return true;
  }
  return false;
}

/** UTF-16 without a mark has a 0 in every other byte, as far as its characters are Latin. */
function utf16Of(data: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  const length = Math.min(data.length, 4096) & ~1;
  if (length < 4) return undefined;
  const zeros = [0, 0];
  for (let at = 0; at < length; at += 1) if (data[at] === 0) zeros[at & 1] = (zeros[at & 1] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  const half = length / 2;
  if (odd > half * 0.4 && even < half * 0.05) return 'utf-16le';
  if (even > half * 0.4 && odd < half * 0.05) return 'utf-16be';
  return undefined;
}

/**
 * Encodings from the likeliest on. The last one takes any bytes. The frequencies tell little of a short text, so that what
 * it would read like counts, too.
 */
function guesses(sample: Uint8Array): string[] {
  const scores = new Map<string, number>([['windows-1252', 5]]);
  for (const { name, confidence } of analyse(sample)) {
    const label = labelOf(name);
    if (label === undefined || label === 'utf-8' || label.startsWith('utf-16')) continue;
    scores.set(label, Math.max(scores.get(label) ?? 0, confidence));
  }
  const ranked = [...scores].map(([encoding, confidence]): [string, number] => [
    encoding,
    confidence - 100 * oddness(new TextDecoder(encoding).decode(sample).slice(0, LOOKED_AT)),
  ]);
  ranked.sort(([, left], [, right]) => right - left);
  return [...ranked.map(([encoding]) => encoding), 'windows-1252'];
}

/** Capitals within words, scripts mixed in a word, signs between letters, characters that nobody writes. */
const ODD =
  /\p{Ll}\p{Lu}|\p{Script=Latin}(?=[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Thai}])|[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Thai}](?=\p{Script=Latin})|\p{L}[^\p{L}\p{M}\p{N}\s\p{P}]\p{L}|[\u0080-\u009f\ufffd]|\p{Co}|\p{Cn}|[\uff61-\uff9f]/gu;

/** The share of odd places among the characters that are not plain Latin, 0 to 1. */
function oddness(text: string): number {
  const foreign = text.match(/[^\p{ASCII}]/gu)?.length ?? 0;
  return foreign === 0 ? 0 : Math.min(1, (text.match(ODD)?.length ?? 0) / foreign);
}

/** The text, without a mark; `undefined` where the bytes are not of this encoding. */
function decodeAs(encoding: string, data: Uint8Array): string | undefined {
  if (encoding.startsWith('utf-32')) {
    const { whole, rest } = utf32(data, encoding === 'utf-32le');
    return rest === '' && !whole.includes('\ufffd') ? whole : undefined;
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

/** Text with U+FFFD for what is not of an encoding; `rest` stands for a last character that is not whole. */
interface Loose {
  readonly whole: string;
  readonly rest: string;
}

function decodeLoosely(encoding: string, data: Uint8Array): Loose {
  if (encoding.startsWith('utf-32')) return utf32(data, encoding === 'utf-32le');
  const decoder = new TextDecoder(encoding);
  return { whole: decoder.decode(data, { stream: true }), rest: decoder.decode() };
}

function utf32(data: Uint8Array, isLittle: boolean): Loose {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let whole = '';
  for (let at = 0; at + 4 <= data.length; at += 4) {
    const point = view.getUint32(at, isLittle);
    whole += point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? '\ufffd' : String.fromCodePoint(point);
  }
  return { whole, rest: data.length % 4 === 0 ? '' : '\ufffd' };
}
