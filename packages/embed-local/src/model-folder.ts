import { invalidInput } from '@memvid/core';
import {
  type Failure,
  filesIn,
  modelsDirectory,
  NETWORK_FILES,
  readJson,
  type WeightFormat,
  weightFormatOf,
} from '@memvid/onnx';
import { join } from 'node:path';
import type { LocalModel, Pooling } from './models.js';
import type { Variant } from './options.js';

/** A model as it lies on the disk. */
export interface ModelFolder {
  readonly network: string;
  readonly variant: Variant;
  readonly tokenizer: string;
  readonly pooling: Pooling;
  /** Most tokens of a text. */
  readonly maxTokens: number;
}

/** What decides how the folder of a model is read. */
export interface FolderRequest {
  readonly model: LocalModel;
  readonly directory: string | undefined;
  readonly variant: Variant | undefined;
  /** Of the caller; stands above what the folder says. */
  readonly maxTokens: number | undefined;
  readonly pooling: Pooling | undefined;
  readonly fail: Failure;
}

/** Finds the files of a model and reads what they say about it. */
export async function readModelFolder(request: FolderRequest): Promise<ModelFolder> {
  const { model, fail, variant } = request;
  const folder = join(modelsDirectory(request.directory), model.folder);
  const order =
    variant === 'int8dyn' ? [...NETWORK_FILES.slice(2), ...NETWORK_FILES.slice(0, 2)] : NETWORK_FILES;
  const [networks, [tokenizer], facts, limits, poolingFile] = await Promise.all([
    filesIn(folder, order),
    filesIn(folder, ['tokenizer.json']),
    readJson(join(folder, 'config.json'), fail),
    readJson(join(folder, 'sentence_bert_config.json'), fail),
    readJson(join(folder, '1_Pooling/config.json'), fail),
  ]);
  if (networks.length === 0 || tokenizer === undefined) {
    throw missing(model, folder, networks.length === 0, tokenizer === undefined, fail);
  }
  const chosen = await networkOf(networks, request, folder);
  return {
    ...chosen,
    tokenizer,
    pooling: request.pooling ?? poolingOf(poolingFile, folder, fail) ?? model.pooling,
    maxTokens: limitOf(request, facts, limits),
  };
}

/** MV015 for a model that is not there: where it was looked for, what belongs there, and the ways to get it. */
function missing(
  { name, id }: LocalModel,
  folder: string,
  network: boolean,
  tokenizer: boolean,
  fail: Failure,
): Error {
  const absent = [...(network ? ['model.onnx'] : []), ...(tokenizer ? ['tokenizer.json'] : [])];
  const expected = [
    `model.onnx (or ${NETWORK_FILES.slice(1).join(', ')})`,
    'tokenizer.json',
    'config.json, 1_Pooling/config.json and sentence_bert_config.json where the model has them',
  ];
  return fail(
    `The model ${name} is not on this machine: there is no ${absent.join(' and no ')} in ${folder}`,
    {
      details: { reason: 'missing_model', directory: folder, missing: absent, expected },
      suggestion: `Fetch it once: import { installModel } from '@memvid/embed-local', and await installModel('${name}'). Or put the files of ${id} into that folder; MEMVID_MODELS_DIR names another place for models.`,
    },
  );
}

/** The first network of the format that is wanted; without a wish, the first that is not dynamically quantised. */
async function networkOf(
  networks: readonly string[],
  { variant, fail, model }: FolderRequest,
  folder: string,
): Promise<{ network: string; variant: Variant }> {
  const found: WeightFormat[] = [];
  for (const network of networks) {
    const format = await weightFormatOf(network, fail);
    found.push(format);
    if (format === 'other') continue;
    if (format === variant || (variant === undefined && format !== 'int8dyn')) {
      return { network, variant: format };
    }
  }
  const wanted = variant ?? 'f32, f16 or int8w';
  throw fail(
    `The model ${model.name} in ${folder} is there as ${found.join(', ')}, and ${wanted} is wanted`,
    {
      details: { reason: 'variant', directory: folder, found, wanted },
      suggestion:
        variant === undefined && found.includes('int8dyn')
          ? "Put the full network there as model.onnx, or pass `variant: 'int8dyn'`: its vectors are less exact and have an identity of their own."
          : 'Pass another `variant`, or put the network that is wanted there as model.onnx.',
    },
  );
}

const FLAG = /^pooling_mode_(.+)$/;
const MODES: Readonly<Record<string, Pooling>> = {
  cls: 'cls',
  cls_token: 'cls',
  mean: 'mean',
  mean_tokens: 'mean',
};

/** What `1_Pooling/config.json` of sentence-transformers says, in its older form or its newer one. */
function poolingOf(
  config: Record<string, unknown> | undefined,
  folder: string,
  fail: Failure,
): Pooling | undefined {
  if (config === undefined) return undefined;
  const flags = Object.entries(config).flatMap(([key, value]) => {
    const mode = FLAG.exec(key)?.[1];
    return mode !== undefined && value === true ? [mode] : [];
  });
  const named = config['pooling_mode'];
  const modes = typeof named === 'string' ? [named] : flags;
  const [mode = ''] = modes;
  if (modes.length === 1 && Object.hasOwn(MODES, mode)) return MODES[mode];
  const path = join(folder, '1_Pooling/config.json');
  throw fail(
    `${path} asks for pooling by ${modes.join(' and ') || 'nothing'}; only cls and mean are done here`,
    {
      details: { reason: 'invalid_model', path },
      suggestion: 'Put the files of the published model there.',
    },
  );
}

/** The least of what the table, `sentence_bert_config.json` and the number of positions allow; or what was asked for. */
function limitOf(
  { model, maxTokens }: FolderRequest,
  facts: Record<string, unknown> | undefined,
  limits: Record<string, unknown> | undefined,
): number {
  const positions = wholeNumber(facts?.['max_position_embeddings']) ?? wholeNumber(facts?.['n_positions']);
  if (maxTokens !== undefined) {
    if (positions !== undefined && maxTokens > positions) {
      throw invalidInput('maxTokens', maxTokens, `at most ${positions}, the positions the model has`);
    }
    return maxTokens;
  }
  const own = wholeNumber(limits?.['max_seq_length']);
  return Math.min(model.maxTokens, own ?? Infinity, positions ?? Infinity);
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 2 ? value : undefined;
}
