import { analyse } from 'chardet';
import { labelOf } from './encoding-label.js';

/** Text, and what its bytes were taken for. */
export interface Decoded {
  readonly text: string;
  /** As `TextDecoder` names it: `utf-8`, `shift_jis`, `windows-1252`. */
  readonly encoding: string;
  /** Whether nothing but the bytes themselves told. */
  readonly isGuessed: boolean;
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

/**
 * The text of bytes in whatever encoding: by its mark, as UTF-8 where the bytes are that, as `declared` where the file says
 * so, as `usual`, and by the frequencies of bytes last. `undefined` for bytes that are no text.
 */
export function decode(data: Uint8Array, declared?: string, usual?: string): Decoded | undefined {
  for (const [encoding, mark] of MARKS) {
    if (!mark.every((byte, at) => data[at] === byte)) continue;
    const text = decodeAs(encoding, data.subarray(mark.length));
    return text === undefined ? undefined : { text, encoding, isGuessed: false };
  }
  const utf16 = utf16Of(data);
  if (utf16 !== undefined) {
    const text = decodeAs(utf16, data);
    return text === undefined ? undefined : { text, encoding: utf16, isGuessed: true };
  }
  if (data.includes(0)) return undefined;
  const shifts = hasShifts(data.subarray(0, SAMPLE)) ? decodeAs('iso-2022-jp', data) : undefined;
  if (shifts !== undefined) return { text: shifts, encoding: 'iso-2022-jp', isGuessed: true };
  const utf8 = decodeAs('utf-8', data);
  if (utf8 !== undefined) return { text: utf8, encoding: 'utf-8', isGuessed: false };
  const said = declared === undefined ? undefined : labelOf(declared);
  if (said !== undefined && said !== 'utf-8') {
    const text = decodeAs(said, data);
    if (text !== undefined) return { text, encoding: said, isGuessed: false };
  }
  // Where it begins to tell: a long text may have its first letter beyond ASCII late.
  const first = data.findIndex((byte) => byte > 0x7f);
  const from = Math.max(0, first - 512);
  const sample = data.subarray(from, from + SAMPLE);
  for (const encoding of usual === undefined ? guesses(sample) : [usual, ...guesses(sample)]) {
    const text = decodeAs(encoding, data);
    if (text !== undefined) return { text, encoding, isGuessed: true };
  }
  return undefined;
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
  if (length < 4 || data.length % 2 !== 0) return undefined;
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
  if (encoding.startsWith('utf-32')) return utf32(data, encoding === 'utf-32le');
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}

function utf32(data: Uint8Array, isLittle: boolean): string | undefined {
  if (data.length % 4 !== 0) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let text = '';
  for (let at = 0; at < data.length; at += 4) {
    const point = view.getUint32(at, isLittle);
    if (point > 0x10ffff) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}
