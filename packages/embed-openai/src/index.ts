export { openai, type OpenAIOptions } from './openai.js';
export { OpenAIEmbeddings, type OpenAIEmbeddingsConfig } from './openai-embeddings.js';
export { openaiPlugin } from './openai-plugin.js';
