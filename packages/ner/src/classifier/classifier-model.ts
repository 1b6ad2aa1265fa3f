import {
  batchesOf,
  defaultThreads,
  type Failure,
  isTokenInput,
  loadTokenizer,
  openSession,
  readJson,
  type Row,
  type Session,
  type Tensor,
  type TextTokenizer,
  tokenInputs,
} from '@memvid/onnx';
import { join } from 'node:path';
import { invalidModel } from '../failure.js';
import { remember } from '../memory.js';
import { Slices } from '../slices.js';
import type { EntityModel, ModelOptions, Span } from '../span.js';
import { spansOf, type Tag, type TaggedWord, tagOf } from './tags.js';
import { type Window, windowsOf } from './windows.js';
import { type Word, wordsOf } from './words.js';

/** File names of the two descriptions beside the network. */
export const CONFIG_FILE = 'config.json';
export const TOKENIZER_FILE = 'tokenizer.json';

/** Most tokens of a window, and what neighbours share. */
const WINDOW = 512;
const OVERLAP = 64;
/** Longer words are not kept. */
const LONGEST_KNOWN = 64;

/** What a network says about one word: a label by its place, and how certain it is. */
interface Decided {
  readonly label: number;
  readonly confidence: number;
}

/** A network that gives every token one label, and is told how text becomes tokens: BERT and its kin. */
export async function loadClassifierModel(options: ModelOptions): Promise<EntityModel> {
  const { folder, network, threads, runtime, fail } = options;
  const opening = openSession(network, { fail, threads, runtime });
  // Should it fail while the rest is read, somebody has to have listened.
  opening.catch(() => undefined);
  try {
    const { labels, positions } = await configOf(folder, fail);
    const path = join(folder, TOKENIZER_FILE);
    const tokenizer = await loadTokenizer(path, fail);
    if (tokenizer.splitting !== 'BertPreTokenizer') {
      throw invalidModel(
        fail,
        path,
        `splits text by ${tokenizer.splitting ?? 'rules without a name'}; only BERT's (BertPreTokenizer) is done here`,
      );
    }
    const session = await opening;
    const output = outputOf(session, network, labels.length, fail);
    const marks = tokenizer.marks.before.length + tokenizer.marks.after.length;
    const limit = Math.min(WINDOW, positions) - marks;
    if (limit < 1) throw invalidModel(fail, join(folder, CONFIG_FILE), 'leaves no place for a token');
    return new ClassifierModel(session, tokenizer, { ...options, labels, output, limit });
  } catch (error) {
    await opening.then(
      (session) => session.close(),
      () => undefined,
    );
    throw error;
  }
}

interface ClassifierOptions extends ModelOptions {
  readonly labels: readonly string[];
  /** Name of the output that is read. */
  readonly output: string;
  /** Most tokens of a window, without its marks. */
  readonly limit: number;
}

class ClassifierModel implements EntityModel {
  readonly labels: readonly string[];
  readonly #session: Session;
  readonly #tokenizer: TextTokenizer;
  readonly #options: ClassifierOptions;
  readonly #tags: readonly Tag[];
  readonly #known = new Map<string, readonly number[]>();

  constructor(session: Session, tokenizer: TextTokenizer, options: ClassifierOptions) {
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#tags = options.labels.map(tagOf);
    this.labels = [...new Set(this.#tags.map(({ label }) => label))].filter((label) => label !== '');
  }

  get usable(): boolean {
    return this.#session.usable;
  }

  async find(text: string, signal: AbortSignal | undefined): Promise<Span[]> {
    const slices = new Slices(signal);
    const words: Word[] = [];
    const pieces: (readonly number[])[] = [];
    for (const word of wordsOf(text)) {
      const ids = this.#piecesOf(word.text);
      // Nothing is left of some, such as accents by themselves.
      if (ids.length > 0) {
        words.push(word);
        pieces.push(ids);
      }
      if (slices.isOver) await slices.rest();
    }
    const decided = await this.#decide(pieces, signal, slices);
    const tagged = words.map(({ start, end }, index): TaggedWord => {
      const { label, confidence } = decided[index] ?? NOTHING;
      // A number that is none makes a share that is none.
      if (!(confidence > 0)) {
        throw invalidModel(this.#options.fail, this.#options.network, 'gave numbers that are not finite');
      }
      return { start, end, tag: this.#tags[label] ?? NO_TAG, confidence };
    });
    return spansOf(tagged);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #piecesOf(word: string): readonly number[] {
    const known = this.#known.get(word);
    if (known !== undefined) return known;
    const ids = this.#tokenizer.pieces(word);
    if (word.length <= LONGEST_KNOWN) remember(this.#known, word, ids);
    return ids;
  }

  /** What the network says of each word, by its first token. */
  async #decide(
    pieces: readonly (readonly number[])[],
    signal: AbortSignal | undefined,
    slices: Slices,
  ): Promise<Decided[]> {
    const { limit, threads } = this.#options;
    const { before, after } = this.#tokenizer.marks;
    const windows = windowsOf(
      pieces.map(({ length }) => length),
      limit,
      OVERLAP,
    );
    const rows = windows.map(({ from, to }, index): Row => {
      const ids = pieces.slice(from, to).flatMap((own) => own.slice(0, limit));
      return { index, ids: [...before, ...ids, ...after] };
    });
    const decided: Decided[] = [];
    const budget = Math.min(4096, Math.max(512, 256 * (threads ?? defaultThreads())));
    for (const batch of batchesOf(rows, budget)) {
      const width = Math.max(...batch.map(({ ids }) => ids.length));
      const logits = await this.#run(batch, width, signal);
      batch.forEach(({ index }, row) => {
        const window = windows[index];
        if (window !== undefined) this.#read(logits, row * width, window, pieces, decided);
      });
      if (slices.isOver) await slices.rest();
    }
    return decided;
  }

  #read(
    logits: Float32Array,
    row: number,
    { from, first, last }: Window,
    pieces: readonly (readonly number[])[],
    decided: Decided[],
  ): void {
    const { limit, labels } = this.#options;
    let token = row + this.#tokenizer.marks.before.length;
    for (let word = from; word < last; word += 1) {
      if (word >= first) decided[word] = bestOf(logits, token * labels.length, labels.length);
      token += Math.min(pieces[word]?.length ?? 0, limit);
    }
  }

  async #run(batch: readonly Row[], width: number, signal: AbortSignal | undefined): Promise<Float32Array> {
    const { output, labels, network, fail } = this.#options;
    const inputs = tokenInputs(this.#session.inputs, batch, width, this.#tokenizer.padId);
    const { [output]: logits }: Record<string, Tensor | undefined> = await this.#session.run(inputs, {
      outputs: [output],
      signal,
    });
    const { data, dims = [] } = logits ?? {};
    const fits = dims[0] === batch.length && dims[1] === width && dims[2] === labels.length;
    if (!(data instanceof Float32Array) || dims.length !== 3 || !fits) {
      const expected = `${batch.length} x ${width} x ${labels.length}`;
      throw invalidModel(fail, network, `gave ${dims.join(' x ')} numbers in place of ${expected}`);
    }
    return data;
  }
}

const NOTHING: Decided = { label: -1, confidence: 0 };
const NO_TAG: Tag = { part: 'O', label: '' };

/** The greatest of some numbers, and its share after a softmax. */
function bestOf(numbers: Float32Array, start: number, count: number): Decided {
  let label = 0;
  for (let index = 1; index < count; index += 1) {
    if ((numbers[start + index] ?? 0) > (numbers[start + label] ?? 0)) label = index;
  }
  const most = numbers[start + label] ?? 0;
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += Math.exp((numbers[start + index] ?? 0) - most);
  return { label, confidence: 1 / sum };
}

function outputOf({ inputs, outputs }: Session, network: string, labels: number, fail: Failure): string {
  const strange = inputs.find((input) => !isTokenInput(input));
  if (strange !== undefined) {
    throw invalidModel(fail, network, `asks for ${strange.name} (${strange.type}), which is not known here`);
  }
  const output =
    outputs.find(({ name }) => name === 'logits') ??
    outputs.find(({ type, dims }) => type === 'float32' && dims.length === 3);
  const size = output?.dims[2];
  if (output?.dims.length !== 3) throw invalidModel(fail, network, 'gives no labels of tokens (logits)');
  if (typeof size === 'number' && size !== labels) {
    throw invalidModel(fail, network, `gives ${size} labels, and ${CONFIG_FILE} names ${labels}`);
  }
  return output.name;
}

/** The labels of `id2label` by their place, and how many tokens a text may have. */
async function configOf(
  folder: string,
  fail: Failure,
): Promise<{ labels: readonly string[]; positions: number }> {
  const path = join(folder, CONFIG_FILE);
  const config = await readJson(path, fail);
  if (config === undefined) throw invalidModel(fail, path, 'is not there');
  const named = Object.entries((config['id2label'] ?? {}) as Record<string, unknown>);
  const labels: unknown[] = [];
  for (const [id, label] of named) if (/^\d{1,4}$/.test(id)) labels[Number(id)] = label;
  const isWhole =
    labels.length > 0 &&
    labels.length === named.length &&
    Array.from(labels).every((label) => typeof label === 'string' && label !== '');
  if (!isWhole) throw invalidModel(fail, path, 'does not name every label in `id2label`');
  const positions = config['max_position_embeddings'];
  return {
    labels: labels as string[],
    positions: typeof positions === 'number' && Number.isSafeInteger(positions) ? positions : WINDOW,
  };
}
