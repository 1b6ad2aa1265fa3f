import { invalidInput } from '@memvid/core';
import {
  type InstalledModel,
  type InstallOptions,
  installModel as fetchModel,
  type ModelFile,
} from '@memvid/onnx';
import { failureOf } from './failure.js';
import { DISTILBERT, modelOfName } from './models.js';

/** The network comes last: as long as it is not there, the model is not. */
const FILES: readonly ModelFile[] = [
  { path: 'config.json' },
  { path: 'tokenizer_config.json', optional: true },
  { path: 'tokenizer.json' },
  { path: 'onnx/model.onnx', as: 'model.onnx' },
];

/**
 * Fetches a model into the folder of models. Nothing else of this package opens a connection. Gone on with where an
 * earlier call ended, checked, and in place only when it is whole; fails at once when `MEMVID_OFFLINE` is on.
 */
export async function installModel(
  name: string = DISTILBERT.name,
  options: InstallOptions = {},
): Promise<InstalledModel> {
  const { name: folder, repository } = modelOfName(name);
  if (repository === undefined) {
    throw invalidInput('model', name, `a model that can be fetched ("${DISTILBERT.name}")`);
  }
  return fetchModel({ folder, repository, files: FILES }, options, failureOf(folder));
}
