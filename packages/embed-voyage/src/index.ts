export { voyage, type VoyageOptions } from './voyage.js';
export { VoyageEmbeddings, type VoyageEmbeddingsConfig } from './voyage-embeddings.js';
export { voyagePlugin } from './voyage-plugin.js';
