/**
 * Language models: how they are asked, and the client for services that answer chats as OpenAI's does. A module of its
 * own, because a program that asks no model does without it.
 */
export { checkLanguageModel } from './generation/check-language-model.js';
export {
  assertModelReady,
  generateText,
  streamText,
  type GenerateTextOptions,
} from './generation/generate-text.js';
export { failureOfModel, type ModelName } from './generation/model-failure.js';
export { chatCompletions, type ChatOptions, type ChatService } from './plugin/chat-completions.js';
export type { ConnectionOptions } from './plugin/connection.js';
export { postEvents } from './plugin/post-events.js';
export type {
  ChatMessage,
  FinishReason,
  GenerateOptions,
  GeneratePart,
  GenerateRequest,
  GenerateResult,
  LanguageModel,
  TokenUsage,
} from './providers/language-model.js';
