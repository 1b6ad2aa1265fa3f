import { checkOneOf } from '@memvid/core';
import {
  type InstalledModel,
  type InstallOptions as FetchOptions,
  installModel as fetchModel,
  type ModelFile,
} from '@memvid/onnx';
import { failureOf } from './failure.js';
import { modelOfName } from './models.js';

export interface InstallOptions extends FetchOptions {
  /** `int8dyn`: the dynamically quantised network, where the model has one. Default: `f32`. */
  readonly variant?: 'f32' | 'int8dyn' | undefined;
}

/** The network comes last: as long as it is not there, the model is not. */
const DESCRIPTION: readonly ModelFile[] = [
  { path: 'config.json', optional: true },
  { path: 'sentence_bert_config.json', optional: true },
  { path: '1_Pooling/config.json', optional: true },
  { path: 'tokenizer_config.json', optional: true },
  { path: 'tokenizer.json' },
];
const NETWORKS: Readonly<Record<'f32' | 'int8dyn', ModelFile>> = {
  f32: { path: 'onnx/model.onnx', as: 'model.onnx' },
  int8dyn: { path: 'onnx/model_quantized.onnx', as: 'model_quantized.onnx' },
};

/**
 * Fetches a model into the folder of models. Nothing else of this package opens a connection. Gone on with where an
 * earlier call ended, checked, and in place only when it is whole; fails at once when `MEMVID_OFFLINE` is on.
 */
export async function installModel(name: string, options: InstallOptions = {}): Promise<InstalledModel> {
  const { model, dynamic } = modelOfName(name);
  const { variant = dynamic ? 'int8dyn' : 'f32', ...rest } = options;
  const network = NETWORKS[checkOneOf('variant', variant, ['f32', 'int8dyn'])];
  const source = { folder: model.folder, repository: model.id, files: [...DESCRIPTION, network] };
  return fetchModel(source, rest, failureOf('local', model.id));
}
