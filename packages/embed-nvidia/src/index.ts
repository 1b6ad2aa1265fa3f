export { nvidia, type NvidiaOptions } from './nvidia.js';
export { NvidiaEmbeddings, type NvidiaEmbeddingsConfig } from './nvidia-embeddings.js';
export { nvidiaPlugin } from './nvidia-plugin.js';
