/**
 * The surface of the reference SDK without OCR and the ingestion of images, for code that migrates by changing one import. New code takes
 * `@memvid/sdk` and passes plugins in; `docs/migrating.md` shows the way from here to there.
 */
export * from './index.js';
export { create, open, use, use as default } from './compat/open.js';
export * as clip from './compat/clip.js';
export {
  GeminiClip,
  getClipProvider,
  LocalClip,
  OpenAIClip,
  type ClipConfig,
  type ClipProvider,
} from './compat/clip.js';
export {
  createMemory,
  createProject,
  flushAnalytics,
  getAclScopeFromApiKey,
  isTelemetryEnabled,
  listMemories,
  listProjects,
  syncTickets,
  validateConfig,
} from './compat/cloud.js';
export {
  CohereEmbeddings,
  GeminiEmbeddings,
  getEmbedder,
  LocalEmbeddings,
  MistralEmbeddings,
  NvidiaEmbeddings,
  OllamaEmbeddings,
  OpenAIEmbeddings,
  VoyageEmbeddings,
  type EmbeddingsConfig,
} from './compat/embeddings.js';
export {
  ClaudeEntities,
  GeminiEntities,
  getEntityExtractor,
  LocalNER,
  OpenAIEntities,
  type Entity,
  type EntityExtractorProvider,
  type ExtractorConfig,
} from './compat/entities.js';
export * as entities from './compat/entities.js';
export { HashEmbeddings, type HashEmbeddingsConfig } from './compat/hash-embeddings.js';
export { discoverPlugins } from './discover.js';
export { LOCAL_EMBEDDING_MODELS, MODEL_DIMENSIONS } from './embedding/models.js';
