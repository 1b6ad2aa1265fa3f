export type {
  NativeAsset,
  NativeBinding,
  NativeColumns,
  NativeDocument,
  NativeFields,
  NativeFeed,
  NativeHits,
  NativeMemory,
  NativeOpenOptions,
  NativePutOptions,
  NativePutResult,
  NativeVersionInfo,
} from './binding.js';
export { callNative, callNativeAsync } from './call.js';
export { callerFailed, messageOf, reportProgress } from './callers.js';
export { checkEmbedder, declaredDimension } from './embedding/check-embedder.js';
export {
  embedAll,
  embedEach,
  type Embedded,
  type EmbedAllOptions,
  type EmbedFailure,
  type EmbedOutcome,
  type EmbedProgress,
} from './embedding/embed-all.js';
export { retryAdviceOf, type RetryAdvice } from './embedding/retry-advice.js';
export { limited } from './embedding/waiting.js';
export { isOn } from './environment.js';
export { ERROR_CODES, isErrorCode, type ErrorCode, type ErrorDetails } from './error-codes.js';
export type {
  CapacityDetails,
  CapsuleDetails,
  DamageDetails,
  DimensionDetails,
  EmbeddingDetails,
  InputDetails,
  LockDetails,
  MissingFileDetails,
  NoVectorsDetails,
  NotFoundDetails,
  UnsupportedDetails,
} from './error-details.js';
export {
  ApiKeyRequiredError,
  CapacityExceededError,
  ClipDisabledError,
  ClosedHandleError,
  CorruptFileError,
  createError,
  EmbeddingFailedError,
  EncryptionError,
  FileNotFoundError,
  FrameNotFoundError,
  fromSystemError,
  InvalidInputError,
  LexIndexDisabledError,
  LockedError,
  MemoryAlreadyBoundError,
  MemvidError,
  type MemvidErrorJson,
  type MemvidErrorOptions,
  ModelUnsupportedError,
  NerModelUnavailableError,
  PluginMissingError,
  type Quota,
  QuotaExceededError,
  ReadOnlyError,
  TicketInvalidError,
  TicketReplayError,
  TimeIndexMissingError,
  toMemvidError,
  UnsupportedOperationError,
  VecDimensionMismatchError,
  VecIndexDisabledError,
  VerificationFailedError,
} from './errors.js';
export { HashEmbeddings, type HashEmbeddingsOptions } from './hash-embeddings.js';
export { findNative, loadNative, type NativeLoaderOptions } from './native.js';
export {
  type Machine,
  NATIVE_PLATFORMS,
  type NativePlatform,
  platformName,
  platformOf,
  thisMachine,
} from './platform.js';
export type {
  DocumentPage,
  DocumentParser,
  DocumentSource,
  DocumentTable,
  ParsedDocument,
  ParseDocumentOptions,
} from './providers/document-parser.js';
export type { Embedder, EmbeddingIdentity, EmbedOptions, EmbedResult } from './providers/embedder.js';
export type {
  EntityExtractor,
  ExtractEntitiesOptions,
  ExtractedEntity,
} from './providers/entity-extractor.js';
export type { ImageEmbedder, ImageEmbedOptions, ImageInput } from './providers/image-embedder.js';
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
export { definePlugin, type Factory, type FactoryOptions, type Plugin } from './providers/plugin.js';
export type {
  ExtractedTable,
  ExtractTablesOptions,
  ExtractTablesResult,
  TableExtractor,
  TableSource,
} from './providers/table-extractor.js';
export { withoutSecrets } from './secrets.js';
export { getErrorSuggestion } from './suggestions.js';
export {
  checkArray,
  checkBoolean,
  checkInteger,
  checkNumber,
  checkObject,
  checkOneOf,
  checkOptional,
  checkString,
  checkStringArray,
  describeValue,
  invalidInput,
  isPlainObject,
  isWellFormed,
  type NumberRule,
  type StringRule,
} from './validate.js';
