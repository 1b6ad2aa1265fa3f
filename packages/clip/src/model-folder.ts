import { type Failure, filesIn, modelsDirectory, readJson, weightFormatOf } from '@memvid/onnx';
import { join, resolve } from 'node:path';
import { INT8_SUFFIX } from './models.js';
import { type Preprocessing, preprocessingOf } from './preprocessing.js';
import { MERGES_FILE } from './text-tokens.js';

/** Which half of a model: the one that sees pictures, or the one that reads. */
type Side = 'vision' | 'text';

/** What decides how the folder of a model is read. */
export interface FolderRequest {
  readonly name: string;
  /** Its folder below the folder of all models. */
  readonly under: string;
  readonly directory: string | undefined;
  /** Stands above the two. */
  readonly folder: string | undefined;
  readonly quantised: boolean;
  /** Whether `installModel` can fetch it. */
  readonly canInstall: boolean;
  readonly fail: Failure;
}

/** A model as it lies on the disk. */
export interface ModelFolder {
  readonly path: string;
  readonly vision: string;
  readonly text: string;
  readonly tokenizer: string;
  readonly preprocessing: Preprocessing;
  /** Numbers in a vector, where `config.json` says so. */
  readonly dimensions: number | undefined;
}

/** Places where a network may stand, in the order in which they are tried. */
function networkFiles(side: Side, quantised: boolean): string[] {
  const names = quantised
    ? [`${side}_model_quantized.onnx`, `${side}_model_int8.onnx`]
    : [`${side}_model.onnx`];
  return names.flatMap((name) => [name, `onnx/${name}`]);
}

const PREPROCESSING = 'preprocessor_config.json';
const TOKENIZERS: readonly string[] = ['tokenizer.json', MERGES_FILE];

/** Where a model is looked for. */
function folderOf({ folder, directory, under }: FolderRequest): string {
  return folder === undefined ? join(modelsDirectory(directory), under) : resolve(folder);
}

/** Finds the files of a model and reads what they say about it. */
export async function readModelFolder(request: FolderRequest): Promise<ModelFolder> {
  const { fail, quantised } = request;
  const path = folderOf(request);
  const wanted = {
    vision: networkFiles('vision', quantised),
    text: networkFiles('text', quantised),
    tokenizer: TOKENIZERS,
    preprocessing: [PREPROCESSING],
  };
  const [[vision], [text], [tokenizer], [settings], config] = await Promise.all([
    filesIn(path, wanted.vision),
    filesIn(path, wanted.text),
    filesIn(path, wanted.tokenizer),
    filesIn(path, wanted.preprocessing),
    readJson(join(path, 'config.json'), fail),
  ]);
  if (vision === undefined || text === undefined || tokenizer === undefined || settings === undefined) {
    const found = { vision, text, tokenizer, preprocessing: settings };
    const absent = (Object.keys(wanted) as (keyof typeof wanted)[]).filter(
      (part) => found[part] === undefined,
    );
    throw missing(
      request,
      path,
      absent.map((part) => wanted[part]),
      Object.values(wanted),
    );
  }
  const preprocessing = preprocessingOf((await readJson(settings, fail)) ?? {}, settings, fail);
  const dimensions = config?.['projection_dim'];
  return {
    path,
    vision,
    text,
    tokenizer,
    preprocessing,
    dimensions: Number.isSafeInteger(dimensions) && Number(dimensions) > 0 ? Number(dimensions) : undefined,
  };
}

/** MV016 for a model that is not there: where it was looked for, what belongs there, and the ways to get it. */
function missing(
  { name, canInstall, fail }: FolderRequest,
  folder: string,
  absent: readonly (readonly string[])[],
  wanted: readonly (readonly string[])[],
): Error {
  const first = absent.map(([file = '']) => file);
  const put = 'its files into that folder; MEMVID_MODELS_DIR names another place for models.';
  const suggestion = canInstall
    ? `Fetch it once: import { installModel } from '@memvid/clip', and await installModel('${name}'). Or put ${put}`
    : `Put ${put}`;
  return fail(
    `The picture model ${name} is not on this machine: there is no ${first.join(' and no ')} in ${folder}`,
    {
      details: {
        reason: 'missing_model',
        directory: folder,
        missing: first,
        expected: wanted.map((files) => files.join(' or ')),
      },
      suggestion,
    },
  );
}

/**
 * Whether a network computes with 8-bit numbers on a scale taken from the whole batch, so that pictures have to go one by
 * one. Fails when a network of the plain name is quantised: its vectors would pass for those of the full model.
 */
export async function scalesByBatch(
  network: string,
  { name, quantised, fail }: FolderRequest,
): Promise<boolean> {
  const format = await weightFormatOf(network, fail);
  if (!quantised && (format === 'int8dyn' || format === 'other')) {
    throw fail(`The network in ${network} is quantised (${format}), and the full one of ${name} is wanted`, {
      details: { reason: 'variant', path: network, found: format },
      suggestion: `Put the full network there, or ask for the model "${name}${INT8_SUFFIX}" with its networks as *_quantized.onnx: its vectors have a name of their own.`,
    });
  }
  return format === 'int8dyn';
}
