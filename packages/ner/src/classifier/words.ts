/** A word of a text, as BERT splits it: at white space, and on both sides of punctuation and ideographs. */
export interface Word {
  readonly text: string;
  /** In UTF-16 units; `end` is behind the last. */
  readonly start: number;
  readonly end: number;
}

const SPACE = /^[\p{Zs}\t\n\r]$/u;
/** Taken out of a text, and no border: control characters and what stands for lost ones. */
const CONTROL = /^[\p{C}\ufffd]$/u;
const PUNCTUATION = /^[!-/:-@[-`{-~\p{P}]$/u;
const IDEOGRAPH =
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u;

/** Longest word that is handed to a tokenizer: those of BERT know none of more than 100 characters. */
const LONGEST = 512;

type Kind = 'space' | 'control' | 'alone' | 'letter';
const kinds = new Map<number, Kind>();

/** The words of a text in their order. */
export function* wordsOf(text: string): Generator<Word> {
  let start = -1;
  let end = 0;
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at) ?? 0;
    const next = at + (code > 0xffff ? 2 : 1);
    const kind = kindOf(code);
    if (kind === 'letter') {
      if (start < 0) start = at;
      end = next;
    } else if (kind !== 'control') {
      if (start >= 0) yield wordOf(text, start, end);
      start = -1;
      if (kind === 'alone') yield { text: text.slice(at, next), start: at, end: next };
    }
    at = next;
  }
  if (start >= 0) yield wordOf(text, start, end);
}

function wordOf(text: string, start: number, end: number): Word {
  return { text: text.slice(start, Math.min(end, start + LONGEST)), start, end };
}

function kindOf(code: number): Kind {
  const known = kinds.get(code);
  if (known !== undefined) return known;
  const character = String.fromCodePoint(code);
  let kind: Kind = 'letter';
  if (SPACE.test(character)) kind = 'space';
  else if (CONTROL.test(character)) kind = 'control';
  else if (PUNCTUATION.test(character) || IDEOGRAPH.test(character)) kind = 'alone';
  // There are 1.1 million of them at most.
  kinds.set(code, kind);
  return kind;
}
