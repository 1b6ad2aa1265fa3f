// Ways to embed the same texts with the same file: ours, and the loop that anyone would write first.
import { local } from '@memvid/embed-local';
import { Tokenizer } from '@huggingface/tokenizers';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export const EMBEDDERS = ['embed-local', 'plain', 'plain-same-session'] as const;
export type EmbedderName = (typeof EMBEDDERS)[number];

export interface Measurable {
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

const FOLDER = 'all-minilm-l6-v2';
const MOST_TOKENS = 256;
const ROWS = 32;

/** Loads the model in one of the ways. */
export async function embedderOf(
  name: EmbedderName,
  models: string,
  threads: number | undefined,
): Promise<Measurable> {
  if (name === 'embed-local') {
    const embedder = local('all-minilm', { directory: models, threads });
    return {
      embed: async (texts) => (await embedder.embed(texts, { kind: 'document' })).vectors,
      close: () => embedder.close(),
    };
  }
  const own = threads === undefined ? {} : { intraOpNumThreads: threads };
  // `plain` takes what the runtime does by itself; the other one has our settings, so that only the loop differs.
  const same: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads ?? 2,
    extra: { session: { intra_op: { allow_spinning: '0' }, disable_quant_qdq: '1' } },
  };
  return plainLoop(join(models, FOLDER), name === 'plain' ? own : same);
}

/** Takes 32 texts at a time, in their order, fills them up to the longest, and runs the network. */
async function plainLoop(folder: string, options: InferenceSession.SessionOptions): Promise<Measurable> {
  const read = (file: string): object => JSON.parse(readFileSync(join(folder, file), 'utf8')) as object;
  const tokenizer = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json')) as {
    encode(text: string): { ids: number[] };
  };
  const session = await InferenceSession.create(join(folder, 'model.onnx'), options);
  return {
    close: () => session.release(),
    async embed(texts) {
      const vectors: Float32Array[] = [];
      for (let start = 0; start < texts.length; start += ROWS) {
        const rows = texts.slice(start, start + ROWS).map((text) => {
          const { ids } = tokenizer.encode(text);
          return ids.length <= MOST_TOKENS ? ids : ids.slice(0, MOST_TOKENS - 1).concat(ids.slice(-1));
        });
        const width = Math.max(...rows.map((ids) => ids.length));
        const tensor = (at: (ids: number[], index: number) => number): Tensor => {
          const numbers = new BigInt64Array(rows.length * width);
          rows.forEach((ids, row) => {
            for (let index = 0; index < width; index += 1) {
              numbers[row * width + index] = BigInt(at(ids, index));
            }
          });
          return new Tensor('int64', numbers, [rows.length, width]);
        };
        const { last_hidden_state: output } = await session.run({
          input_ids: tensor((ids, index) => ids[index] ?? 0),
          attention_mask: tensor((ids, index) => (index < ids.length ? 1 : 0)),
          token_type_ids: tensor(() => 0),
        });
        const hidden = output?.data as Float32Array;
        rows.forEach((ids, row) => vectors.push(meanOf(hidden, row * width, ids.length)));
      }
      return vectors;
    },
  };
}

function meanOf(hidden: Float32Array, first: number, tokens: number): Float32Array {
  const size = 384;
  const vector = new Float32Array(size);
  for (let token = first; token < first + tokens; token += 1) {
    for (let index = 0; index < size; index += 1) {
      vector[index] = (vector[index] ?? 0) + (hidden[token * size + index] ?? 0);
    }
  }
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
