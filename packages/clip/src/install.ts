import {
  type InstalledModel,
  type InstallOptions,
  installModel as fetchModel,
  type ModelFile,
} from '@memvid/onnx';
import { failureOf } from './failure.js';
import { INT8_SUFFIX, modelOfName } from './models.js';

/** The network of pictures comes last: as long as it is not there, the model is not. */
function filesOf(quantised: boolean): ModelFile[] {
  const network = (side: string): ModelFile => {
    const file = `${side}_model${quantised ? '_quantized' : ''}.onnx`;
    return { path: `onnx/${file}`, as: file };
  };
  return [
    { path: 'config.json', optional: true },
    { path: 'tokenizer_config.json', optional: true },
    { path: 'tokenizer.json' },
    { path: 'preprocessor_config.json' },
    network('text'),
    network('vision'),
  ];
}

/**
 * Fetches a model into the folder of models. Nothing else of this package opens a connection. Gone on with where an
 * earlier call ended, checked, and in place only when it is whole; fails at once when `MEMVID_OFFLINE` is on.
 */
export async function installModel(name: string, options: InstallOptions = {}): Promise<InstalledModel> {
  const { facts, quantised } = modelOfName(name);
  const source = { folder: facts.name, repository: facts.repository, files: filesOf(quantised) };
  return fetchModel(source, options, failureOf(quantised ? `${facts.name}${INT8_SUFFIX}` : facts.name));
}
