export { cohere, type CohereOptions } from './cohere.js';
export { CohereEmbeddings, type CohereEmbeddingsConfig } from './cohere-embeddings.js';
export { coherePlugin } from './cohere-plugin.js';
