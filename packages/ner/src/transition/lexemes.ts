import { remember } from '../memory.js';
import { hashOfKey, stringHash } from './murmur-hash.js';
import { PYTHON_SPACE } from './python-pattern.js';
import { SYMBOLS } from './symbols.js';
import { wordShape } from './word-shape.js';

/** What the network sees of a word. Words that are written alike are one lexeme. */
export interface Lexeme {
  readonly text: string;
  readonly norm: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly shape: string;
  /** Rows of the network's tables: four of each attribute, NORM, PREFIX, SUFFIX and SHAPE one after the other. */
  readonly rows: Uint16Array;
  readonly isSpace: boolean;
}

/** Where attributes stand in the network's tables. */
export interface TableLayout {
  /** One seed for each row of an attribute. */
  readonly seeds: readonly number[];
  /** Rows of the tables of NORM, PREFIX, SUFFIX and SHAPE. */
  readonly sizes: readonly number[];
}

/** Norms that are not the word in lower case. */
export interface Norms {
  /** By the hash of the word, in decimal digits. */
  readonly byHash: Readonly<Record<string, string>>;
  readonly byText: Readonly<Record<string, string>>;
}

/** Rows of one attribute. */
export const ROWS = 4;
/** Rows of one lexeme. */
export const LEXEME_ROWS: number = ROWS * 4;
/** Longer words are not kept. */
const LONGEST_KNOWN = 64;
/** A word of so many UTF-16 units has a hundred characters at least, and so no shape. */
const NO_SHAPE = 200;

const SPACE: RegExp = /* @__PURE__ */ new RegExp(`^[${PYTHON_SPACE}]+$`, 'u');

/** Makes lexemes, and remembers those it has made. */
export class Lexemes {
  readonly #norms: Norms;
  readonly #layout: TableLayout;
  readonly #known = new Map<string, Lexeme>();
  readonly #rows: readonly Map<string, readonly number[]>[] = [new Map(), new Map(), new Map(), new Map()];

  constructor(norms: Norms, layout: TableLayout) {
    this.#norms = norms;
    this.#layout = layout;
  }

  /** The lexeme of a word with the norm it has by itself. */
  of(text: string): Lexeme {
    if (text.length > LONGEST_KNOWN) return this.make(text);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const made = this.make(text);
    remember(this.#known, text, made);
    return made;
  }

  /** A lexeme of its own; `norm` stands above the norm of the word. */
  make(text: string, norm: string = this.#normOf(text)): Lexeme {
    const first = text.codePointAt(0);
    const prefix = first === undefined ? '' : String.fromCodePoint(first);
    // Three characters have six units at most.
    const suffix = Array.from(text.slice(-6)).slice(-3).join('');
    const shape = text.length >= NO_SHAPE ? 'LONG' : wordShape([...text]);
    const rows = new Uint16Array(LEXEME_ROWS);
    [norm, prefix, suffix, shape].forEach((value, attribute) => {
      rows.set(this.#rowsOf(value, attribute), attribute * ROWS);
    });
    return { text, norm, prefix, suffix, shape, rows, isSpace: SPACE.test(text) };
  }

  #normOf(text: string): string {
    const { byHash, byText } = this.#norms;
    const hash = String(keyOf(text));
    if (Object.hasOwn(byHash, hash)) return byHash[hash] ?? text;
    if (Object.hasOwn(byText, text)) return byText[text] ?? text;
    return text.toLowerCase();
  }

  #rowsOf(value: string, attribute: number): readonly number[] {
    const known = this.#rows[attribute] ?? new Map<string, readonly number[]>();
    const found = known.get(value);
    if (found !== undefined) return found;
    const seed = this.#layout.seeds[attribute] ?? 0;
    const size = this.#layout.sizes[attribute] ?? 1;
    const rows = hashOfKey(keyOf(value), seed).map((hash) => hash % size);
    if (value.length <= LONGEST_KNOWN) remember(known, value, rows);
    return rows;
  }
}

/** The number that stands for a string in spaCy's tables. */
function keyOf(text: string): bigint {
  if (text === '') return 0n;
  return Object.hasOwn(SYMBOLS, text) ? BigInt(SYMBOLS[text] ?? 0) : stringHash(text);
}
