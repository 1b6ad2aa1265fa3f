export {
  documentParserContract,
  type DocumentParserContract,
  type SampleDocument,
} from './document-parser-contract.js';
export { embedderContract, type EmbedderContract } from './embedder-contract.js';
export {
  embeddingServiceContract,
  type EmbeddingServiceContract,
  type ServiceVector,
} from './embedding-service-contract.js';
export { entityExtractorContract, type EntityExtractorContract } from './entity-extractor-contract.js';
export { imageEmbedderContract, type ImageEmbedderContract } from './image-embedder-contract.js';
export { languageModelContract, type LanguageModelContract } from './language-model-contract.js';
export {
  languageModelServiceContract,
  type LanguageModelServiceContract,
  type ServiceUsage,
} from './language-model-service-contract.js';
export { pluginContract, type PluginContract } from './plugin-contract.js';
export type { Runner } from './runner.js';
export {
  startService,
  type Service,
  type ServiceReply,
  type ServiceRequest,
  type ServiceStream,
} from './service.js';
export { tableExtractorContract, type TableExtractorContract } from './table-extractor-contract.js';
