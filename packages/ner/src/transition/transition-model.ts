import { type Failure, openSession, readJson, type Session, type Tensor } from '@memvid/onnx';
import { join } from 'node:path';
import { invalidModel } from '../failure.js';
import { Slices } from '../slices.js';
import type { EntityModel, ModelOptions, Span } from '../span.js';
import { Decoder, type DecoderWeights, type Moves, movesOf, SLOTS } from './decoder.js';
import { LEXEME_ROWS, Lexemes, ROWS } from './lexemes.js';
import { type ExceptionPart, Tokenizer, type TokenizerRules, type Tokens } from './tokenizer.js';

/** File names of the two descriptions beside the network. */
export const DECODER_FILE = 'decode.json';
export const RULES_FILE = 'tokenizer_rules.json';

/** Tokens of one run. */
const WINDOW = 1024;
/** Tokens on either side that decide about a token's features: one for each of the network's four layers. */
const OVERLAP = 4;

/** A model of spaCy's kind: hashed features of words, a small network, and decisions from left to right. */
export async function loadTransitionModel(options: ModelOptions): Promise<EntityModel> {
  const { folder, network, threads, runtime, fail } = options;
  const opening = openSession(network, { fail, threads, runtime });
  // Should it fail while the rest is read, somebody has to have listened.
  opening.catch(() => undefined);
  try {
    const decoder = decoderOf(await readJson(join(folder, DECODER_FILE), fail), folder, fail);
    const tokenizer = tokenizerOf(await readJson(join(folder, RULES_FILE), fail), decoder, folder, fail);
    const session = await opening;
    checkNetwork(session, network, fail);
    return new TransitionModel(session, tokenizer, decoder, options);
  } catch (error) {
    await opening.then(
      (session) => session.close(),
      () => undefined,
    );
    throw error;
  }
}

class TransitionModel implements EntityModel {
  readonly labels: readonly string[];
  readonly #session: Session;
  readonly #tokenizer: Tokenizer;
  readonly #weights: DecoderWeights;
  readonly #moves: Moves;
  readonly #options: ModelOptions;

  constructor(
    session: Session,
    tokenizer: Tokenizer,
    { weights, moves }: LoadedDecoder,
    options: ModelOptions,
  ) {
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#weights = weights;
    this.#moves = moves;
    this.#options = options;
    this.labels = [...moves.inside.keys()];
  }

  get usable(): boolean {
    return this.#session.usable;
  }

  async find(text: string, signal: AbortSignal | undefined): Promise<Span[]> {
    const slices = new Slices(signal);
    const tokens = await this.#tokensOf(text, slices);
    const decoder = new Decoder(this.#weights, this.#moves, tokens);
    const count = tokens.starts.length;
    // The next window is computed while this one is decided about.
    let next = count === 0 ? undefined : this.#run(tokens, 0, signal);
    for (let start = 0; next !== undefined; start += WINDOW) {
      const features = await next;
      const end = Math.min(start + WINDOW, count);
      next = end < count ? this.#run(tokens, end, signal) : undefined;
      // Should deciding fail first, somebody has to have listened.
      next?.catch(() => undefined);
      const from = start - Math.max(0, start - OVERLAP);
      decoder.take(features, from, end - start);
      if (slices.isOver) await slices.rest();
    }
    // Numbers that are none compare with nothing, and the first action is taken: it begins an entity.
    if (decoder.spans.some(({ confidence }) => !(confidence > 0))) {
      const { network, fail } = this.#options;
      throw invalidModel(fail, network, 'gave numbers that are not finite');
    }
    return decoder.spans;
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #tokensOf(text: string, slices: Slices): Promise<Tokens> {
    const parts = this.#tokenizer.tokens(text);
    for (;;) {
      const next = parts.next();
      if (next.done === true) return next.value;
      if (slices.isOver) await slices.rest();
    }
  }

  /** Features of the tokens of the window at `start`, those of its overlap around them. */
  async #run({ lexemes }: Tokens, start: number, signal: AbortSignal | undefined): Promise<Float32Array> {
    const window = lexemes.slice(Math.max(0, start - OVERLAP), start + WINDOW + OVERLAP);
    // A number of 64 bits is two of 32, the lower one first; making each as a BigInt would cost ten times as much.
    const numbers = new Int32Array(window.length * LEXEME_ROWS * 2);
    window.forEach(({ rows }, token) => {
      for (let row = 0; row < LEXEME_ROWS; row += 1) {
        numbers[(token * LEXEME_ROWS + row) * 2] = rows[row] ?? 0;
      }
    });
    const rows: Tensor = {
      type: 'int64',
      dims: [window.length, LEXEME_ROWS / ROWS, ROWS],
      data: new BigInt64Array(numbers.buffer),
    };
    const { features } = await this.#session.run({ rows }, { outputs: ['features'], signal });
    const { hidden, pieces } = this.#weights;
    const expected = window.length * SLOTS * hidden * pieces;
    if (!(features?.data instanceof Float32Array) || features.data.length !== expected) {
      const { network, fail } = this.#options;
      throw invalidModel(
        fail,
        network,
        `gave ${features?.dims.join(' x ') ?? 'no'} numbers in place of ${expected}`,
      );
    }
    return features.data;
  }
}

function checkNetwork({ inputs, outputs }: Session, network: string, fail: Failure): void {
  const [input] = inputs;
  const fits = inputs.length === 1 && input?.name === 'rows' && input.type === 'int64';
  if (!fits) throw invalidModel(fail, network, 'does not take `rows` (int64) alone');
  if (!outputs.some(({ name, type }) => name === 'features' && type === 'float32')) {
    throw invalidModel(fail, network, 'gives no `features` (float32)');
  }
}

interface LoadedDecoder {
  readonly weights: DecoderWeights;
  readonly moves: Moves;
  readonly seeds: readonly number[];
  readonly tableSizes: readonly number[];
}

function decoderOf(
  description: Record<string, unknown> | undefined,
  folder: string,
  fail: Failure,
): LoadedDecoder {
  const path = join(folder, DECODER_FILE);
  if (description === undefined) throw invalidModel(fail, path, 'is not there');
  const size = (name: string): number => {
    const value = description[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw invalidModel(fail, path, `has no whole number \`${name}\``);
  };
  const numbers = (name: string, count: number): Float64Array => {
    const value: unknown = description[name];
    const flat: unknown[] = Array.isArray(value) ? value.flat() : [];
    if (flat.length === count && flat.every((one) => Number.isFinite(one))) {
      return Float64Array.from(flat as number[]);
    }
    throw invalidModel(fail, path, `does not have ${count} finite numbers as \`${name}\``);
  };
  const { actions } = description;
  const isNamed = Array.isArray(actions) && actions.every((action) => typeof action === 'string');
  const moves = isNamed ? movesOf(actions as string[]) : undefined;
  if (moves === undefined) throw invalidModel(fail, path, 'has no complete set of `actions`');
  const hidden = size('hidden');
  const pieces = size('pieces');
  const count = moves.parsed.length;
  const attributes = LEXEME_ROWS / ROWS;
  const weights: DecoderWeights = {
    actions: actions as string[],
    hidden,
    pieces,
    pad: numbers('pad', SLOTS * hidden * pieces),
    bias: numbers('bias', hidden * pieces),
    upper: numbers('upper_W', count * hidden),
    upperBias: numbers('upper_b', count),
  };
  const tableSizes = [...numbers('table_rows', attributes)];
  if (!tableSizes.every((rows) => Number.isSafeInteger(rows) && rows > 0 && rows <= 0x10000)) {
    throw invalidModel(fail, path, 'has a size in `table_rows` that no table has');
  }
  const seeds = [...numbers('hash_seeds', attributes)];
  if (!seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw invalidModel(fail, path, 'has a seed in `hash_seeds` that is no number of 32 bits');
  }
  return { weights, moves, seeds, tableSizes };
}

function tokenizerOf(
  description: Record<string, unknown> | undefined,
  { seeds, tableSizes }: LoadedDecoder,
  folder: string,
  fail: Failure,
): Tokenizer {
  const path = join(folder, RULES_FILE);
  if (description === undefined) throw invalidModel(fail, path, 'is not there');
  const pattern = (name: string): string => {
    const value = description[name];
    if (typeof value === 'string' && value !== '') return value;
    throw invalidModel(fail, path, `has no pattern \`${name}\``);
  };
  const rules: TokenizerRules = {
    prefix_search: pattern('prefix_search'),
    suffix_search: pattern('suffix_search'),
    infix_finditer: pattern('infix_finditer'),
    url_match: pattern('url_match'),
    exceptions: exceptionsIn(description['exceptions'], path, fail),
  };
  const norms = {
    byHash: textsIn(description['lexeme_norm_by_hash'], 'lexeme_norm_by_hash', path, fail),
    byText: textsIn(description['base_norms'], 'base_norms', path, fail),
  };
  try {
    return new Tokenizer(rules, new Lexemes(norms, { seeds, sizes: tableSizes }));
  } catch (error) {
    throw invalidModel(fail, path, 'has a pattern that is none', error);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textsIn(value: unknown, name: string, path: string, fail: Failure): Record<string, string> {
  if (isObject(value) && Object.values(value).every((text) => typeof text === 'string')) {
    return value as Record<string, string>;
  }
  throw invalidModel(fail, path, `has no texts in \`${name}\``);
}

function exceptionsIn(value: unknown, path: string, fail: Failure): Record<string, readonly ExceptionPart[]> {
  const isPart = (part: unknown): boolean =>
    isObject(part) &&
    typeof part['ORTH'] === 'string' &&
    part['ORTH'] !== '' &&
    (part['NORM'] === undefined || typeof part['NORM'] === 'string');
  const isRule = ([text, parts]: [string, unknown]): boolean =>
    Array.isArray(parts) &&
    parts.every(isPart) &&
    (parts as ExceptionPart[]).map(({ ORTH: orth }) => orth).join('') === text;
  if (isObject(value) && Object.entries(value).every(isRule)) {
    return value as Record<string, readonly ExceptionPart[]>;
  }
  throw invalidModel(fail, path, 'has `exceptions` whose parts are not the words themselves');
}
