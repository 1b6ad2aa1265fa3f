import { type Encoded, type Failure, loadTokenizer, type TextTokenizer, tokenizerFrom } from '@memvid/onnx';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const unpacked = promisify(gunzip);

/** The file of the tokenizer as OpenAI published it: its merges, one a line, from which everything else follows. */
export const MERGES_FILE = 'bpe_simple_vocab_16e6.txt.gz';
/** Merges of it that the models use; the file has more. */
const MERGES = 48_894;
const BEGIN = '<|startoftext|>';
const END = '<|endoftext|>';
/** No line and no file is longer. */
const MOST_BYTES = 16_000_000;
/** Texts are taken apart a part at a time; at first this many characters for a token that is wanted. */
const CHARACTERS_A_TOKEN = 12;

/** The tokens of a text, begin and end included, filled up to `length` with `padId`. */
export interface TokenRow {
  readonly ids: Int32Array;
  /** How many of them are of the text. */
  readonly used: number;
  readonly cut: boolean;
}

/** Loads the tokenizer of a model: a `tokenizer.json`, or the merges as OpenAI published them. */
export async function loadTextTokenizer(path: string, fail: Failure): Promise<TextTokenizer> {
  if (!path.endsWith(MERGES_FILE)) return loadTokenizer(path, fail);
  const invalid = (cause: unknown): Error =>
    fail(
      `The tokenizer in ${path} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        details: { reason: 'invalid_model', path },
        suggestion: 'Put the file of the published model there, or its tokenizer.json.',
        cause,
      },
    );
  try {
    const text = (await unpacked(await readFile(path), { maxOutputLength: MOST_BYTES })).toString('utf8');
    const merges = text.split('\n').slice(1, MERGES + 1);
    if (merges.length < MERGES) throw new Error(`it has ${merges.length} merges in place of ${MERGES}`);
    return tokenizerFrom(describedBy(merges), { pad_token: '!' });
  } catch (error) {
    throw invalid(error);
  }
}

/** `tokenizer.json` for these merges: bytes, bytes at the end of a word, merged ones, begin and end. */
function describedBy(merges: readonly string[]): Record<string, unknown> {
  const bytes = byteCharacters();
  const tokens = [
    ...bytes,
    ...bytes.map((character) => `${character}</w>`),
    ...merges.map((merge) => merge.replace(' ', '')),
    BEGIN,
    END,
  ];
  const idOf = (token: string): number => tokens.lastIndexOf(token);
  const mark = (content: string): object => ({
    id: idOf(content),
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: true,
  });
  const part = (id: string): object => ({ SpecialToken: { id, type_id: 0 } });
  return {
    added_tokens: [mark(BEGIN), mark(END)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [part(BEGIN), { Sequence: { id: 'A', type_id: 0 } }, part(END)],
      pair: [],
      special_tokens: Object.fromEntries(
        [BEGIN, END].map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      unk_token: END,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** The character that stands for each byte, in the order of their tokens: those that can be seen come first. */
function byteCharacters(): string[] {
  const isSeen = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const seen = all.filter(isSeen).map((byte) => String.fromCodePoint(byte));
  const others = all.filter((byte) => !isSeen(byte)).map((_, index) => String.fromCodePoint(256 + index));
  return [...seen, ...others];
}

/** The row of a text for a network that takes `length` tokens: cut before the end mark, or filled up behind it. */
export function tokenRow(tokenizer: TextTokenizer, text: string, length: number): TokenRow {
  const { ids, cut } = encodedPart(tokenizer, text, length);
  const row = new Int32Array(length).fill(tokenizer.padId);
  row.set(ids.slice(0, length));
  return { ids: row, used: ids.length, cut };
}

/**
 * No token reaches over white space, so the first tokens of a text are those of its beginning; and a book is long. Where
 * there is none for long, as in Chinese, what lies eight times behind the limit has no say in the first tokens either.
 */
function encodedPart(tokenizer: TextTokenizer, text: string, limit: number): Encoded {
  const first = limit * CHARACTERS_A_TOKEN;
  for (let length = first; length < text.length; length *= 2) {
    const end = lastSpace(text, length) ?? (length >= 8 * first ? length : undefined);
    if (end === undefined) continue;
    const encoded = tokenizer.encode(text.slice(0, end), limit);
    if (encoded.cut) return encoded;
  }
  return tokenizer.encode(text, limit);
}

function lastSpace(text: string, length: number): number | undefined {
  for (let at = length; at > length / 2; at -= 1) {
    if (/\s/.test(text.charAt(at))) return at;
  }
  return undefined;
}
