import { Tokenizer } from '@huggingface/tokenizers';
import { dirname, join } from 'node:path';
import { type Failure, messageOf } from './failure.js';
import { readJson } from './model-files.js';

/** The tokens of one text. */
export interface Encoded {
  readonly ids: readonly number[];
  /** Whether the text had more tokens than were asked for. */
  readonly cut: boolean;
}

/** Takes text apart as a model was taught. */
export interface TextTokenizer {
  /** Token that fills short rows of a batch. */
  readonly padId: number;
  /**
   * At most `limit` tokens, those that mark beginning and end included. What `tokenizer.json` says of truncation and
   * padding does not count: some models ship with settings of their last training run in it.
   */
  encode(text: string, limit: number): Encoded;
  /** The tokens of a piece of text by itself, without marks of beginning and end. */
  pieces(text: string): readonly number[];
  /** What stands before and behind the tokens of every text. */
  readonly marks: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** How text is split before all else, as `tokenizer.json` calls it; `BertPreTokenizer`, for one. */
  readonly splitting: string | undefined;
}

/** The part of the library that is used; its declarations do not resolve with `nodenext`. */
interface LibraryTokenizer {
  encode(text: string, options?: { add_special_tokens?: boolean }): { ids: number[] };
  token_to_id(token: string): number | undefined;
}

/** Characters of text that are taken apart for one token that is wanted, at first. */
const CHARACTERS_A_TOKEN = 12;

/**
 * Ends of words for BERT's way of taking text apart: it splits at white space and on both sides of ideographs and of
 * CJK punctuation, before anything else. Not all of `\s`: some of it BERT removes without splitting (U+FEFF, form feeds).
 */
const BORDER = /[ \t\n\r\u3000-\u3003\u4e00-\u9fff]/;

/** The tokenizer in a file `tokenizer.json`, with `tokenizer_config.json` beside it when that is there. */
export async function loadTokenizer(path: string, fail: Failure): Promise<TextTokenizer> {
  const [description, config] = await Promise.all([
    readJson(path, fail),
    readJson(join(dirname(path), 'tokenizer_config.json'), fail),
  ]);
  const invalid = (cause: unknown): Error =>
    fail(`The tokenizer in ${path} cannot be used: ${messageOf(cause)}`, {
      details: { reason: 'invalid_model', path },
      cause,
    });
  if (description === undefined) throw invalid(new Error('there is no such file'));
  try {
    return tokenizerFrom(description, config ?? {});
  } catch (error) {
    throw invalid(error);
  }
}

/**
 * The tokenizer that a parsed `tokenizer.json` describes; `config` is what `tokenizer_config.json` says. Throws an ordinary
 * error when it cannot be used.
 */
export function tokenizerFrom(
  description: Record<string, unknown>,
  config: Record<string, unknown> = {},
): TextTokenizer {
  const tokenizer: LibraryTokenizer = new Tokenizer(description, config);
  const marks = marksOf(tokenizer);
  const before = marks.before.length;
  const after = marks.after.length;
  const kind = (description['pre_tokenizer'] as { type?: unknown } | null | undefined)?.type;
  const splitsAtBorders = kind === 'BertPreTokenizer';

  return {
    padId: padIdOf(tokenizer, description, config),
    marks,
    splitting: typeof kind === 'string' ? kind : undefined,
    pieces: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    encode(text, limit) {
      // Before the last border the tokens of a part are the first ones of the whole, and a book is long.
      for (
        let length = splitsAtBorders ? limit * CHARACTERS_A_TOKEN : Infinity;
        length < text.length;
        length *= 2
      ) {
        const end = lastBorder(text, length);
        if (end === undefined) continue;
        const { ids } = tokenizer.encode(text.slice(0, end));
        if (ids.length > limit) return shortened(ids, limit);
      }
      const { ids } = tokenizer.encode(text);
      return ids.length > limit ? shortened(ids, limit) : { ids, cut: false };
    },
  };

  function shortened(ids: readonly number[], limit: number): Encoded {
    const kept = ids.slice(before, Math.max(before, limit - after));
    return {
      ids: [...ids.slice(0, before), ...kept, ...(after === 0 ? [] : ids.slice(-after))],
      cut: true,
    };
  }
}

/** Where the last word within `length` ends, when that is not too far back. */
function lastBorder(text: string, length: number): number | undefined {
  for (let end = length; end > length / 2; end -= 1) {
    if (BORDER.test(text.charAt(end))) return end;
  }
  return undefined;
}

/** The tokens that the tokenizer puts before and behind every text. */
function marksOf(tokenizer: LibraryTokenizer): TextTokenizer['marks'] {
  const { ids: bare } = tokenizer.encode('a', { add_special_tokens: false });
  const { ids } = tokenizer.encode('a');
  const before = ids.findIndex((_, start) => bare.every((id, index) => ids[start + index] === id));
  if (before < 0) return { before: [], after: [] };
  return { before: ids.slice(0, before), after: ids.slice(before + bare.length) };
}

function padIdOf(
  tokenizer: LibraryTokenizer,
  description: Record<string, unknown>,
  config: Record<string, unknown>,
): number {
  const padding = description['padding'] as { pad_id?: unknown } | null | undefined;
  if (typeof padding?.pad_id === 'number') return padding.pad_id;
  const named = config['pad_token'];
  const token = typeof named === 'string' ? named : (named as { content?: unknown } | undefined)?.content;
  return tokenizer.token_to_id(typeof token === 'string' ? token : '[PAD]') ?? 0;
}
