/** A citation, as a part of a pattern: numbers and ranges of them in brackets. */
export const MARK: string = String.raw`\[\s*\d+(?:[\s,;–—-]+\d+)*\s*\]`;
const CITATION = new RegExp(`^${MARK}`);
/** What may become one with the next word. */
const BEGINS = /^\[\s*(?:\d[\d\s,;–—-]*)?$/;
/** Characters of the longest one; what is longer in brackets is something else. */
const LONGEST = 100;
/** What a model writes that finds no answer in the passages. */
export const NO_ANSWER = '[NO ANSWER]';
const NONE = /^\[\s*no[ _-]answer\s*\]/i;

/**
 * Looks at the citations in an answer as it is written: numbers of passages that the model was not given are taken out.
 * Only what may be the beginning of a citation is held back, until it is known to be one or not. Brackets behind a word
 * in code (`items[0]`) are no citations.
 */
export class Citations {
  readonly #passages: ReadonlySet<number>;
  readonly #cited = new Set<number>();
  readonly #removed = new Set<number>();
  #held = '';
  #last = '';
  /** The beginning of a mark at the end of what was passed on, which `[` within it made none. */
  #open = '';
  #isBlank = true;
  #isRefused = false;
  #hasNone = false;
  /** A blank behind a citation that was taken out belongs to it, when there is one before it. */
  #swallows = false;
  /** Backticks that began the code that is being written; 0: it is text. */
  #fence = 0;
  /** Whether what was passed on ends in `items[0]`: another bracket belongs to it. */
  #endsInIndex = false;
  /** Backticks in a row at the end of what was passed on. */
  #ticks = 0;

  /** @param passages the numbers that may be cited. */
  constructor(passages: ReadonlySet<number>) {
    this.#passages = passages;
  }

  /** Numbers that the answer cites, in their order. */
  get cited(): number[] {
    return [...this.#cited].toSorted((left, right) => left - right);
  }

  /** Numbers that were taken out, in the order in which they came. */
  get removed(): number[] {
    return [...this.#removed];
  }

  /** The model said that there is no answer, and gave none. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** The model said that there is no answer, behind words of its own. */
  get hasNone(): boolean {
    return this.#hasNone;
  }

  /** What of the answer may be passed on. */
  push(text: string): string {
    if (this.#isRefused) return '';
    let rest = this.#held + text;
    this.#held = '';
    let passed = '';
    for (;;) {
      const at = rest.indexOf('[');
      if (at < 0) return passed + this.#pass(rest);
      // A blank before it goes with it, as far as it has not been passed on.
      let from = at;
      while (from > 0 && rest[from - 1] === ' ') from -= 1;
      passed += this.#pass(rest.slice(0, from));
      const bracket = rest.slice(at);
      const begin = bracket.slice(0, LONGEST);
      const whole = CITATION.exec(begin);
      if (whole !== null) {
        passed += this.#citation(rest.slice(from, at), whole[0]);
        rest = bracket.slice(whole[0].length);
        continue;
      }
      const none = NONE.exec(begin);
      if (none !== null) {
        this.#hasNone = true;
        this.#isRefused = this.#isBlank;
        if (this.#isRefused) return '';
        passed += this.#instead();
        rest = bracket.slice(none[0].length);
        continue;
      }
      if (mayBecomeOne(bracket)) {
        this.#held = rest.slice(from);
        return passed;
      }
      passed += this.#pass(rest.slice(from, at + 1));
      rest = bracket.slice(1);
    }
  }

  /** What was held back, when nothing comes any more. Half a citation is none. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return /\d/.test(held) ? '' : this.#pass(held);
  }

  #pass(text: string): string {
    if (text === '') return '';
    const passed = this.#swallows && text.startsWith(' ') && /^\s?$/.test(this.#last) ? text.slice(1) : text;
    this.#swallows = false;
    this.#endsInIndex = false;
    this.#readCode(passed);
    const end = (this.#open + passed).slice(-LONGEST);
    const bracket = end.slice(Math.max(0, end.lastIndexOf('[')));
    this.#open = BEGINS.test(bracket) ? bracket : '';
    this.#last = passed.at(-1) ?? this.#last;
    if (passed.trim() !== '') this.#isBlank = false;
    return passed;
  }

  #citation(before: string, mark: string): string {
    const isBehindAWord = before === '' && (this.#endsInIndex || /[\w)]$/.test(this.#last));
    if (isBehindAWord && this.#isInCode()) {
      const passed = this.#pass(mark);
      this.#endsInIndex = true;
      return passed;
    }
    const { known, unknown } = this.#numbersOf(mark);
    for (const number of known) this.#cited.add(number);
    for (const number of unknown) this.#removed.add(number);
    if (unknown.length === 0) return this.#pass(before + mark);
    if (known.length > 0) return this.#pass(`${before}[${known.join(', ')}]`);
    return this.#instead();
  }

  /** What stands for a mark that is taken out: nothing, but where what is around it would become one. */
  #instead(): string {
    if (this.#open !== '') return this.#pass('[?]');
    // The blank before it may have been passed on already.
    this.#swallows = true;
    return '';
  }

  #numbersOf(mark: string): { known: number[]; unknown: number[] } {
    const known = new Set<number>();
    const unknown = new Set<number>();
    for (const ends of rangesIn(mark)) {
      for (const end of ends) if (!this.#passages.has(end)) unknown.add(end);
      const [low, high] = ends;
      for (const passage of this.#passages) if (passage >= low && passage <= high) known.add(passage);
    }
    return { known: [...known].toSorted((left, right) => left - right), unknown: [...unknown] };
  }

  #isInCode(): boolean {
    this.#closeTicks();
    return this.#fence > 0;
  }

  #readCode(text: string): void {
    for (const [token] of text.matchAll(/`+|[^`]+/g)) {
      if (token.startsWith('`')) {
        this.#ticks += token.length;
        continue;
      }
      this.#closeTicks();
      // A backtick that nobody closes is no code for longer than its line.
      if (this.#fence < 3 && token.includes('\n')) this.#fence = 0;
    }
  }

  #closeTicks(): void {
    if (this.#ticks === 0) return;
    if (this.#fence === 0) this.#fence = this.#ticks;
    else if (this.#ticks === this.#fence || (this.#fence >= 3 && this.#ticks > this.#fence)) this.#fence = 0;
    this.#ticks = 0;
  }
}

/** The numbers in marks, each as a range from the lower to the higher end, whichever is written first. */
export function rangesIn(marks: string): [low: number, high: number][] {
  return Array.from(marks.matchAll(/(\d+)(?:\s*[–—-]\s*(\d+))?/g), ([, first = '', last = first]) => {
    const [one, other] = [Number(first), Number(last)];
    return one <= other ? [one, other] : [other, one];
  });
}

/** Whether more text can make a citation, or the word for no answer, of an open bracket. */
function mayBecomeOne(bracket: string): boolean {
  if (bracket.length >= LONGEST) return false;
  if (BEGINS.test(bracket)) return true;
  const inside = bracket.slice(1).trim().replaceAll(/[_-]/g, ' ').toLowerCase();
  return !bracket.includes(']') && 'no answer'.startsWith(inside);
}
