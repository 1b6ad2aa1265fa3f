import { STOP_WORDS } from '../stop-words.js';
import { IRREGULAR_FORMS } from './irregular-forms.js';

const WORD = /[\p{L}\p{N}]+/gu;
const ASCII = /^[\0-\x7F]*$/;
const ASCII_WORD = /[a-z0-9]+/g;
/** Scripts that are written without spaces between words. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
/** A full stop behind these ends no sentence. */
const ABBREVIATION = /(?:^|[\s(])(?:\p{L}|Dr|Mr|Mrs|Ms|Prof|St|vs|etc|e\.g|i\.e|No|Fig|approx)\.$/u;

/** Looks back over quotation marks from blanks only, or a long row of them would be walked from each. */
const END = /(?=\s)(?<=[.!?…]["'”’)\]]*)\s+|(?<=[。！？])/u;

/** The sentences of a text, trimmed. Line breaks end one; so do `.`, `!`, `?` and their CJK forms. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  for (const line of text.split(/\n+/)) {
    let held: string[] = [];
    const end = (): void => {
      const sentence = held.join(' ').trim();
      if (sentence !== '') sentences.push(sentence);
      held = [];
    };
    for (const part of line.split(END)) {
      held.push(part);
      // No abbreviation has a blank in it: what is held from before says nothing.
      if (!ABBREVIATION.test(part)) end();
    }
    end();
  }
  return sentences;
}

/** The words of a text that carry meaning, without accents, cut to a rough stem; pairs of characters for CJK. */
export function termsOf(text: string): string[] {
  // Most texts are plain ASCII, and words of it need no look at scripts and marks.
  if (ASCII.test(text)) return (text.toLowerCase().match(ASCII_WORD) ?? []).filter(isContent).map(stem);
  const terms: string[] = [];
  for (const [word] of text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().matchAll(WORD)) {
    if (UNSPACED.test(word)) terms.push(...pairsOf(word));
    else if (isContent(word)) terms.push(stem(word));
  }
  return terms;
}

function isContent(word: string): boolean {
  return !STOP_WORDS.has(word);
}

function pairsOf(word: string): string[] {
  const characters = [...word];
  if (characters.length === 1) return characters;
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

/**
 * Takes the common English endings off, so that "databases" meets "database" and "decided" meets "decide", and "chose"
 * meets "choose". Both sides of every comparison go through it, so a stem need not be a word.
 */
export function stem(written: string): string {
  const word = IRREGULAR_FORMS.get(written) ?? written;
  if (word.length < 4 || /\d/.test(word)) return word;
  let base = word;
  if (base.endsWith('ies') && base.length > 4) base = `${base.slice(0, -3)}y`;
  else if (/(?:s|x|z|ch|sh)es$/.test(base)) base = base.slice(0, -2);
  else if (/[^su]s$/.test(base)) base = base.slice(0, -1);
  const cut = base.replace(/(?:ing|ed|ly|er)$/, '');
  if (cut !== base && cut.length >= 3 && /[aeiouy]/.test(cut)) base = cut.replace(/([bdfgmnprt])\1$/, '$1');
  return base.length > 3 ? base.replace(/e$/, '') : base;
}
