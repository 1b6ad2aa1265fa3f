import { isAscii } from 'node:buffer';
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

/** How a text may be decoded. */
export interface DecodeOptions {
  /** What the file says that it is in. */
  readonly declared?: string | undefined;
  /** What such files are in that say nothing. */
  readonly usual?: string | undefined;
  /** Lets other work go on, where this has taken its time. */
  readonly pause: Pause;
}

type Pause = () => Promise<void>;

/** Bytes that are decoded in one go. A multiple of four, as a character of UTF-32 has. */
const PIECE = 256 * 1024;
/** Bytes that are looked at where nothing tells the encoding, and those of them whose frequencies are counted in one go. */
const SAMPLE = 64 * 1024;
const COUNTED = 8 * 1024;
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
export async function decode(
  data: Uint8Array,
  { declared, usual, pause }: DecodeOptions,
): Promise<Decoded | undefined> {
  for (const [encoding, mark] of MARKS) {
    if (!mark.every((byte, at) => data[at] === byte)) continue;
    return mended(encoding, data.subarray(mark.length), lengthOf, false, pause);
  }
  const utf16 = utf16Of(data);
  if (utf16 !== undefined) return mended(utf16, data, lengthOf, true, pause);
  if (data.includes(0)) return undefined;
  const shifts = hasShifts(data.subarray(0, SAMPLE)) ? await decodeAs('iso-2022-jp', data, pause) : undefined;
  if (shifts !== undefined) return { text: shifts, encoding: 'iso-2022-jp', isGuessed: true, replaced: 0 };
  // ASCII is in all encodings, and speaks for none.
  const utf8 = await mended('utf-8', data, beyondAscii, false, pause);
  if (utf8 !== undefined) return utf8;
  const said = declared === undefined ? undefined : labelOf(declared);
  if (said !== undefined && said !== 'utf-8') {
    const text = await decodeAs(said, data, pause);
    if (text !== undefined) return { text, encoding: said, isGuessed: false, replaced: 0 };
  }
  // Where it begins to tell: a long text may have its first letter beyond ASCII late.
  const from = Math.max(0, firstBeyondAscii(data) - 512);
  const likely = await guesses(data.subarray(from, from + SAMPLE), pause);
  for (const encoding of usual === undefined ? likely : [usual, ...likely]) {
    const text = await decodeAs(encoding, data, pause);
    if (text !== undefined) return { text, encoding, isGuessed: true, replaced: 0 };
  }
  return undefined;
}

/**
 * The text of bytes that are of an encoding, or were before they were cut or changed: then U+FFFD stands for what is not.
 * `undefined` where that is not likely. `speaking`: how many characters of a text only this encoding can explain.
 */
async function mended(
  encoding: string,
  data: Uint8Array,
  speaking: (text: string) => number,
  isGuessed: boolean,
  pause: Pause,
): Promise<Decoded | undefined> {
  const text = await decodeAs(encoding, data, pause);
  if (text !== undefined) return { text, encoding, isGuessed, replaced: 0 };
  const decoder = decoderOf(encoding, false);
  let whole = '';
  let replaced = 0;
  let count = 0;
  for (let at = 0; at < data.length; at += PIECE) {
    const part = decoder.decode(data.subarray(at, at + PIECE), { stream: true });
    whole += part;
    replaced += occurrences(part, '\ufffd') - ownReplacements(encoding, data.subarray(at, at + PIECE + 2));
    count += speaking(part);
    await pause();
  }
  const rest = decoder.decode();
  count -= replaced;
  // A character that a cut went through, at the end, speaks against nothing.
  if (count < 1 || count < replaced * FOR_EACH_REPLACED) return undefined;
  return { text: whole + rest, encoding, isGuessed, replaced: replaced + rest.length };
}

function lengthOf(text: string): number {
  return text.length;
}

function beyondAscii(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) count += 1;
  return count;
}

function firstBeyondAscii(data: Uint8Array): number {
  let at = 0;
  while (at < data.length && isAscii(data.subarray(at, at + PIECE))) at += PIECE;
  return at + data.subarray(at, at + PIECE).findIndex((byte) => byte > 0x7f);
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
async function guesses(sample: Uint8Array, pause: Pause): Promise<string[]> {
  const counted = await frequencies(sample, pause);
  const scores = new Map<string, number>([['windows-1252', Math.max(5, counted.get('windows-1252') ?? 0)]]);
  for (const [label, confidence] of counted) if (!scores.has(label)) scores.set(label, confidence);
  const ranked: [string, number][] = [];
  for (const [encoding, confidence] of scores) {
    const text = new TextDecoder(encoding).decode(sample).slice(0, LOOKED_AT);
    ranked.push([encoding, confidence - 100 * oddness(text)]);
    await pause();
  }
  ranked.sort(([, left], [, right]) => right - left);
  return [...ranked.map(([encoding]) => encoding), 'windows-1252'];
}

/** How likely encodings are by the frequencies of bytes, 0 to 100: the mean of the pieces of a sample. */
async function frequencies(sample: Uint8Array, pause: Pause): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const pieces = Math.max(1, Math.ceil(sample.length / COUNTED));
  for (let piece = 0; piece < pieces; piece += 1) {
    const found = new Map<string, number>();
    for (const { name, confidence } of analyse(sample.subarray(piece * COUNTED, (piece + 1) * COUNTED))) {
      const label = labelOf(name);
      if (label === undefined || label === 'utf-8' || label.startsWith('utf-16')) continue;
      found.set(label, Math.max(found.get(label) ?? 0, confidence));
    }
    for (const [label, confidence] of found) sums.set(label, (sums.get(label) ?? 0) + confidence / pieces);
    await pause();
  }
  return sums;
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
async function decodeAs(encoding: string, data: Uint8Array, pause: Pause): Promise<string | undefined> {
  const decoder = decoderOf(encoding, true);
  let text = '';
  for (let at = 0; at < data.length; at += PIECE) {
    const part = attempted(() => decoder.decode(data.subarray(at, at + PIECE), { stream: true }));
    if (part === undefined) return undefined;
    text += part;
    await pause();
  }
  const rest = attempted(() => decoder.decode());
  return rest === undefined ? undefined : text + rest;
}

function attempted(work: () => string): string | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** What is used of `TextDecoder`. */
interface Decoder {
  decode(bytes?: Uint8Array, options?: { stream: boolean }): string;
}

function decoderOf(encoding: string, fatal: boolean): Decoder {
  return encoding.startsWith('utf-32')
    ? new Utf32(encoding === 'utf-32le', fatal)
    : new TextDecoder(encoding, { fatal });
}

/** A text that is put together of single characters takes long to be read. */
const POINTS_AT_ONCE = 4096;

/** UTF-32, which `TextDecoder` does not know; in pieces of whole characters, but for the last. */
class Utf32 implements Decoder {
  readonly #isLittle: boolean;
  readonly #fatal: boolean;
  #isCut = false;

  constructor(isLittle: boolean, fatal: boolean) {
    this.#isLittle = isLittle;
    this.#fatal = fatal;
  }

  decode(bytes?: Uint8Array): string {
    if (bytes === undefined) return this.#isCut ? String.fromCodePoint(this.#bad()) : '';
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let text = '';
    let points: number[] = [];
    for (let at = 0; at + 4 <= bytes.length; at += 4) {
      const point = view.getUint32(at, this.#isLittle);
      const isNone = point > 0x10ffff || (point >= 0xd800 && point < 0xe000);
      points.push(isNone ? this.#bad() : point);
      if (points.length < POINTS_AT_ONCE) continue;
      text += String.fromCodePoint(...points);
      points = [];
    }
    this.#isCut = bytes.length % 4 !== 0;
    return text + String.fromCodePoint(...points);
  }

  #bad(): number {
    if (this.#fatal) throw new TypeError('the bytes are no UTF-32');
    return 0xfffd;
  }
}
