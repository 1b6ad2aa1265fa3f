import { remember } from '../memory.js';
import type { Lexeme, Lexemes } from './lexemes.js';
import { fromPython, PYTHON_SPACE } from './python-pattern.js';

/** A part of an exception: how it is written and, where it is another one than usual, its norm. */
export interface ExceptionPart {
  readonly ORTH: string;
  readonly NORM?: string | undefined;
}

/** The rules of spaCy's tokenizer: patterns in the syntax of Python's `re`, and words that are split otherwise. */
export interface TokenizerRules {
  readonly prefix_search: string;
  readonly suffix_search: string;
  readonly infix_finditer: string;
  readonly url_match: string;
  readonly exceptions: Readonly<Record<string, readonly ExceptionPart[]>>;
}

/** The tokens of a text: what each is, and where it begins (in UTF-16 units). */
export interface Tokens {
  readonly lexemes: Lexeme[];
  readonly starts: number[];
}

const WORDS: RegExp = /* @__PURE__ */ new RegExp(`[^${PYTHON_SPACE}]+`, 'gu');
/** A longer word is taken apart in parts, because others have to run between them; nobody writes one. */
const LONGEST_WORD = 8192;
/** Of a longer piece, only so much of the end can be a suffix, but for a row of full stops. */
const LONGEST_SUFFIX = 256;
/** A longer piece is no address. */
const LONGEST_ADDRESS = 2048;
/** Tokens that are looked at between pauses where looking is all there is to do. */
const STRIDE = 4096;
/** Longer pieces are not kept. */
const LONGEST_KNOWN = 64;
/**
 * `name:password@` of an address. The optional part only says again what the first one allows, and lets a row of
 * colons cost its length squared.
 */
const CREDENTIALS = ['(?:\\S+(?::\\S*)?@)?', '(?:\\S+@)?'] as const;

interface Trie {
  /** The exception that ends here. */
  ends: boolean;
  readonly next: Map<string, Trie>;
}

/** Takes text apart as spaCy (MIT, Explosion) does: at white space, then affixes, exceptions, addresses and infixes. */
export class Tokenizer {
  readonly #lexemes: Lexemes;
  readonly #prefix: RegExp;
  readonly #suffix: RegExp;
  readonly #infix: RegExp;
  readonly #address: RegExp;
  readonly #exceptions = new Map<string, readonly Lexeme[]>();
  readonly #longestException: number;
  /** Exceptions that the rules take apart, by their parts: they are put together again in the end. */
  readonly #torn: Trie = { ends: false, next: new Map() };
  readonly #known = new Map<string, readonly Lexeme[]>();

  constructor(rules: TokenizerRules, lexemes: Lexemes) {
    this.#lexemes = lexemes;
    this.#prefix = new RegExp(fromPython(rules.prefix_search), 'u');
    this.#suffix = new RegExp(fromPython(rules.suffix_search), 'gu');
    this.#infix = new RegExp(fromPython(rules.infix_finditer), 'gu');
    this.#address = new RegExp(fromPython(rules.url_match.replace(...CREDENTIALS)), 'u');
    const exceptions = Object.entries(rules.exceptions);
    this.#longestException = Math.max(0, ...exceptions.map(([text]) => text.length));
    for (const [text] of exceptions) {
      if (!this.#isTorn(text)) continue;
      let node = this.#torn;
      // Before any exception is known, so that rules alone decide.
      for (const { text: part } of this.#split(text)) {
        const next = node.next.get(part) ?? { ends: false, next: new Map<string, Trie>() };
        node.next.set(part, next);
        node = next;
      }
      node.ends = true;
    }
    this.#known.clear();
    for (const [text, parts] of exceptions) {
      const made = parts.map(({ ORTH: orth, NORM: norm }) =>
        norm === undefined ? lexemes.of(orth) : lexemes.make(orth, norm),
      );
      this.#exceptions.set(text, made);
    }
  }

  /** The tokens of a text; a pause after each word, in which others may run. */
  *tokens(text: string): Generator<undefined, Tokens> {
    const tokens: Tokens = { lexemes: [], starts: [] };
    let end = 0;
    for (const { index, 0: word } of text.matchAll(WORDS)) {
      yield* this.#addSpace(tokens, text, end, index);
      yield* this.#add(tokens, word, index);
      end = index + word.length;
    }
    yield* this.#addSpace(tokens, text, end, text.length);
    return yield* this.#mended(tokens, text);
  }

  /** White space between words: one space is none, and of more the first belongs to the word before it. */
  *#addSpace(tokens: Tokens, text: string, start: number, end: number): Generator<undefined, void> {
    const from = start > 0 && text.charAt(start) === ' ' ? start + 1 : start;
    if (from < end) yield* this.#add(tokens, text.slice(from, end), from);
  }

  *#add({ lexemes, starts }: Tokens, word: string, start: number): Generator<undefined, void> {
    let at = start;
    for (let from = 0; from < word.length;) {
      let to = Math.min(from + LONGEST_WORD, word.length);
      // Not in the middle of a character.
      if (to < word.length && /[\udc00-\udfff]/.test(word.charAt(to)) && to > from + 1) to -= 1;
      for (const lexeme of this.#partsOf(to - from === word.length ? word : word.slice(from, to))) {
        lexemes.push(lexeme);
        starts.push(at);
        at += lexeme.text.length;
      }
      from = to;
      yield;
    }
  }

  #partsOf(piece: string): readonly Lexeme[] {
    if (piece.length > LONGEST_KNOWN) return this.#exceptionOf(piece) ?? this.#split(piece);
    const known = this.#exceptions.get(piece) ?? this.#known.get(piece);
    if (known !== undefined) return known;
    const parts = this.#split(piece);
    remember(this.#known, piece, parts);
    return parts;
  }

  #exceptionOf(text: string): readonly Lexeme[] | undefined {
    // Looking up a long text would read all of it, each time that an affix is taken off.
    return text.length > this.#longestException ? undefined : this.#exceptions.get(text);
  }

  /** Takes off affixes until none is left or an exception remains, then splits what is in the middle. */
  #split(piece: string): Lexeme[] {
    const parts: Lexeme[] = [];
    const suffixes: Lexeme[] = [];
    let rest = piece;
    while (rest !== '' && this.#exceptionOf(rest) === undefined) {
      const prefix = this.#prefix.exec(rest)?.[0].length ?? 0;
      const behind = rest.slice(prefix);
      if (prefix > 0 && this.#exceptionOf(behind) !== undefined) {
        parts.push(this.#lexemes.of(rest.slice(0, prefix)));
        rest = behind;
        break;
      }
      const suffix = this.#suffixOf(behind);
      const before = rest.slice(0, rest.length - suffix);
      if (suffix > 0 && this.#exceptionOf(before) !== undefined) {
        suffixes.push(this.#lexemes.of(rest.slice(before.length)));
        rest = before;
        break;
      }
      if (prefix === 0 && suffix === 0) break;
      if (prefix > 0) parts.push(this.#lexemes.of(rest.slice(0, prefix)));
      if (suffix > 0) suffixes.push(this.#lexemes.of(behind.slice(behind.length - suffix)));
      rest = behind.slice(0, behind.length - suffix);
    }
    if (rest !== '') this.#pushMiddle(parts, rest);
    for (const suffix of suffixes.toReversed()) parts.push(suffix);
    return parts;
  }

  /** The length of the suffix of a piece, 0 without one. */
  #suffixOf(piece: string): number {
    let from = 0;
    if (piece.length > LONGEST_SUFFIX) {
      from = piece.length - 1;
      while (from > 0 && piece.charAt(from) === '.') from -= 1;
      from = Math.max(0, Math.min(from, piece.length - LONGEST_SUFFIX) - 1);
      // Not into the middle of a character.
      if (/[\udc00-\udfff]/.test(piece.charAt(from))) from -= 1;
    }
    this.#suffix.lastIndex = Math.max(0, from);
    return this.#suffix.exec(piece)?.[0].length ?? 0;
  }

  #pushMiddle(parts: Lexeme[], piece: string): void {
    const exception = this.#exceptionOf(piece);
    if (exception !== undefined) {
      for (const part of exception) parts.push(part);
      return;
    }
    const isAddress =
      piece.length <= LONGEST_ADDRESS && piece.includes('.') && this.#address.exec(piece)?.index === 0;
    let start = 0;
    if (!isAddress) {
      for (const { index, 0: infix } of piece.matchAll(this.#infix)) {
        if (index === 0) continue;
        if (index > start) parts.push(this.#lexemes.of(piece.slice(start, index)));
        if (infix !== '') parts.push(this.#lexemes.of(infix));
        start = index + infix.length;
      }
    }
    if (start < piece.length) parts.push(this.#lexemes.of(piece.slice(start)));
  }

  #isTorn(exception: string): boolean {
    this.#suffix.lastIndex = 0;
    return (
      exception.includes(' ') ||
      this.#prefix.test(exception) ||
      this.#suffix.test(exception) ||
      exception.search(this.#infix) >= 0
    );
  }

  /** Puts exceptions together again that the rules have torn, such as a face within brackets; longest ones first. */
  *#mended(tokens: Tokens, text: string): Generator<undefined, Tokens> {
    const spans = yield* this.#tornIn(tokens);
    if (spans.length === 0) return tokens;
    spans.sort(
      (left, right) => right.end - right.start - (left.end - left.start) || left.start - right.start,
    );
    const taken = new Set<number>();
    const chosen = new Map<number, number>();
    for (const { start, end } of spans) {
      if (!taken.has(start) && !taken.has(end - 1)) chosen.set(start, end);
      for (let at = start; at < end; at += 1) taken.add(at);
    }
    const { lexemes, starts } = tokens;
    const mended: Tokens = { lexemes: [], starts: [] };
    for (let at = 0, round = 0; at < lexemes.length; round += 1) {
      if (round % STRIDE === STRIDE - 1) yield;
      const lexeme = lexemes[at];
      const end = chosen.get(at);
      let place = starts[at] ?? 0;
      // With white space between its parts it is no exception.
      const parts =
        end === undefined ? undefined : this.#exceptions.get(text.slice(place, endOf(tokens, end)));
      for (const part of parts ?? (lexeme === undefined ? [] : [lexeme])) {
        mended.lexemes.push(part);
        mended.starts.push(place);
        place += part.text.length;
      }
      at = parts === undefined ? at + 1 : (end ?? at + 1);
    }
    return mended;
  }

  *#tornIn({ lexemes }: Tokens): Generator<undefined, { start: number; end: number }[]> {
    const spans: { start: number; end: number }[] = [];
    for (let start = 0; start < lexemes.length; start += 1) {
      if (start % STRIDE === STRIDE - 1) yield;
      let node: Trie | undefined = this.#torn;
      for (let end = start; node !== undefined && end < lexemes.length;) {
        node = node.next.get(lexemes[end]?.text ?? '');
        end += 1;
        if (node?.ends === true) spans.push({ start, end });
      }
    }
    return spans;
  }
}

/** Where the last of some tokens ends in the text; `behind` is the one after it. */
function endOf({ lexemes, starts }: Tokens, behind: number): number {
  return (starts[behind - 1] ?? 0) + (lexemes[behind - 1]?.text.length ?? 0);
}
