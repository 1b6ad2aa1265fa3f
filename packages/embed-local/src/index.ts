export type { InstalledFile, InstalledModel, InstallProgress, Runtime } from '@memvid/onnx';
export { installModel, type InstallOptions } from './install.js';
export {
  local,
  type LocalEmbedder,
  type LocalEmbedResult,
  type LocalUsage,
  type ModelDescription,
} from './local.js';
export { LocalEmbeddings, type LocalEmbeddingsConfig } from './local-embeddings.js';
export { LOCAL_MODELS, type LocalModel, type Pooling, type Prefixes } from './models.js';
export type { LocalOptions, Variant } from './options.js';
export { localPlugin, type LocalPlugin } from './plugin.js';
