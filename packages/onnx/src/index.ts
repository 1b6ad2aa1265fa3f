export { batchesOf, type Row } from './batches.js';
export { endedBySignal, orAborted } from './ended-by-signal.js';
export type { Failure } from './failure.js';
export { sha256Of } from './file-hash.js';
export {
  type InstalledFile,
  type InstalledModel,
  installModel,
  type InstallOptions,
  type InstallProgress,
  type ModelFile,
  type ModelSource,
} from './install.js';
export { inLanes } from './lanes.js';
export { Loader } from './loader.js';
export { filesIn, NETWORK_FILES, readJson } from './model-files.js';
export { modelsDirectory } from './models-directory.js';
export type {
  RunOptions,
  Runtime,
  Session,
  SessionOptions,
  Tensor,
  TensorData,
  TensorInfo,
  TensorType,
} from './session.js';
export { checkRuntime } from './runtime-option.js';
export { openSession, type OpenOptions } from './shared-sessions.js';
export { defaultThreads } from './threads.js';
export { isTokenInput, tokenInputs } from './token-inputs.js';
export { type Encoded, loadTokenizer, type TextTokenizer, tokenizerFrom } from './tokenizer.js';
export { type WeightFormat, weightFormatOf } from './weight-format.js';
