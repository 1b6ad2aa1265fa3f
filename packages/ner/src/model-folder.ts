import { type Failure, filesIn, modelsDirectory, NETWORK_FILES, type Runtime } from '@memvid/onnx';
import { join } from 'node:path';
import { CONFIG_FILE, loadClassifierModel, TOKENIZER_FILE } from './classifier/classifier-model.js';
import { messageOf } from './failure.js';
import type { NamedModel } from './models.js';
import type { EntityModel } from './span.js';
import { DECODER_FILE, loadTransitionModel, RULES_FILE } from './transition/transition-model.js';

/** What decides which model is loaded, and how. */
export interface ModelRequest {
  readonly model: NamedModel;
  readonly directory: string | undefined;
  readonly threads: number | undefined;
  readonly runtime: Runtime | undefined;
  readonly fail: Failure;
}

/** Finds the files of a model and loads it. They tell its kind: a model that decides from left to right has `decode.json`. */
export async function loadModel(request: ModelRequest): Promise<EntityModel> {
  const { model, fail, threads, runtime } = request;
  const folder = model.bundled ? await bundledFolder(model, fail) : folderAmongModels(request);
  const [networks, decoder, rules, config, tokenizer] = await Promise.all([
    filesIn(folder, NETWORK_FILES),
    ...[DECODER_FILE, RULES_FILE, CONFIG_FILE, TOKENIZER_FILE].map((name) => filesIn(folder, [name])),
  ]);
  const decides = model.bundled || (decoder?.length ?? 0) > 0;
  const [network] = networks ?? [];
  const beside = decides
    ? [[DECODER_FILE, decoder] as const, [RULES_FILE, rules] as const]
    : [[CONFIG_FILE, config] as const, [TOKENIZER_FILE, tokenizer] as const];
  const absent = [
    ...(network === undefined ? ['model.onnx'] : []),
    ...beside.flatMap(([name, found]) => (found?.length === 0 ? [name] : [])),
  ];
  if (network === undefined || absent.length > 0) throw missing(model, folder, absent, fail);
  const options = { folder, network, threads, runtime, fail };
  return decides ? loadTransitionModel(options) : loadClassifierModel(options);
}

function folderAmongModels({ model, directory }: ModelRequest): string {
  return join(modelsDirectory(directory), model.name);
}

/** The folder of the model that comes in a package, which is loaded no sooner. */
async function bundledFolder({ name }: NamedModel, fail: Failure): Promise<string> {
  try {
    const { modelFolder } = await import('@memvid/ner-model-en');
    return modelFolder();
  } catch (error) {
    throw fail(
      `The model ${name} comes in the package @memvid/ner-model-en, which cannot be loaded: ${messageOf(error)}`,
      {
        details: {
          reason: 'missing_model',
          searched: ['@memvid/ner-model-en'],
          package: '@memvid/ner-model-en',
        },
        suggestion: 'Install it again (npm install @memvid/ner-model-en), and keep it out of bundles.',
        cause: error,
      },
    );
  }
}

/** MV017 for a model that is not there: where it was looked for, what belongs there, and the ways to get it. */
function missing(
  { name, bundled, repository }: NamedModel,
  folder: string,
  absent: readonly string[],
  fail: Failure,
): Error {
  const expected = [
    `model.onnx (or ${NETWORK_FILES.slice(1).join(', ')})`,
    `${TOKENIZER_FILE} and ${CONFIG_FILE} with id2label`,
  ];
  const files = repository === undefined ? 'its files' : `the files of ${repository}`;
  const fetching =
    repository === undefined
      ? ''
      : `Fetch it once: import { installModel } from '@memvid/ner', and await installModel('${name}'). `;
  const suggestion = bundled
    ? 'Install the package again: npm install @memvid/ner-model-en.'
    : `${fetching}Put ${files} into that folder (MEMVID_MODELS_DIR names another place for models), or take the English model that comes with npm install @memvid/ner: 'en-core-web-sm'.`;
  return fail(
    `The model ${name} is not on this machine: there is no ${absent.join(' and no ')} in ${folder}`,
    {
      details: { reason: 'missing_model', searched: [folder], directory: folder, missing: absent, expected },
      suggestion,
    },
  );
}
