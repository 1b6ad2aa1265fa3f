/** Where something stands in a text, in UTF-16 units; `end` is behind the last. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** Scripts that write words without spaces: a name begins and ends anywhere there. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const OF_A_WORD = /[\p{L}\p{N}\p{M}]/u;
/** Longest that is looked for. */
const LONGEST = 1000;

/** A text in which many words are looked for. */
export class Searched {
  readonly text: string;
  /** With small letters. Of some scripts they take more room, and then places in it are none of the text. */
  readonly #small: string | undefined;

  constructor(text: string) {
    this.text = text;
    const small = text.toLowerCase();
    this.#small = small.length === text.length ? small : undefined;
  }

  /**
   * The places where words stand as words of their own, whatever their case and the white space between them; the first
   * `most` of them.
   */
  placesOf(words: string, most: number): Place[] {
    const parts = words.trim().split(/\s+/u);
    const [first = ''] = parts;
    if (first === '' || words.length > LONGEST) return [];
    const letters = [...parts.join('')];
    const [bindsBefore, bindsAfter] = [isBound(letters[0]), isBound(letters.at(-1))];
    const pattern = new RegExp(parts.map(escaped).join(String.raw`\s+`), 'iuy');
    const places: Place[] = [];
    for (let at = this.#next(first, 0); at >= 0 && places.length < most; at = this.#next(first, at)) {
      pattern.lastIndex = at;
      const end = at + (pattern.exec(this.text)?.[0].length ?? 0);
      const isWhole =
        end > at &&
        !(bindsBefore && isOfAWord(Array.from(this.text.slice(Math.max(0, at - 2), at)).at(-1))) &&
        !(bindsAfter && isOfAWord(Array.from(this.text.slice(end, end + 2))[0]));
      if (isWhole) places.push({ start: at, end });
      at = isWhole ? end : at + 1;
    }
    return places;
  }

  /** Where a word may stand next. */
  #next(word: string, from: number): number {
    if (this.#small !== undefined) return this.#small.indexOf(word.toLowerCase(), from);
    const pattern = new RegExp(escaped(word), 'giu');
    pattern.lastIndex = from;
    return pattern.exec(this.text)?.index ?? -1;
  }
}

/** Whether there is nothing but white space: what is for us, and U+0085, which is for the engine. It takes no card of that. */
export function isBlank(text: string): boolean {
  return !/[^\s\u0085]/u.test(text);
}

/** As it stands in a text, on one line. */
export function quoteOf(text: string, { start, end }: Place): string {
  return text
    .slice(start, end)
    .replace(/[\s\u0085]+/gu, ' ')
    .trim();
}

function isBound(letter: string | undefined): boolean {
  return isOfAWord(letter) && !WITHOUT_SPACES.test(letter ?? '');
}

function isOfAWord(letter: string | undefined): boolean {
  return letter !== undefined && OF_A_WORD.test(letter);
}

function escaped(part: string): string {
  return part.replace(/[\\^$.*+?()[\]{}|/-]/gu, String.raw`\$&`);
}
