export { openai, type OpenAIOptions } from './openai.js';
export { openaiPlugin } from './openai-plugin.js';
