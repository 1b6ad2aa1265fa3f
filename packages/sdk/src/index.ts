export {
  ApiKeyRequiredError,
  CapacityExceededError,
  ClipDisabledError,
  ClosedHandleError,
  CorruptFileError,
  type Embedder,
  EmbeddingFailedError,
  type EmbeddingIdentity,
  type EmbedProgress,
  EncryptionError,
  type EntityExtractor,
  type ErrorCode,
  type ErrorDetails,
  FileNotFoundError,
  FrameNotFoundError,
  getErrorSuggestion,
  HashEmbeddings,
  type HashEmbeddingsOptions,
  InvalidInputError,
  type LanguageModel,
  LexIndexDisabledError,
  LockedError,
  MemoryAlreadyBoundError,
  MemvidError,
  ModelUnsupportedError,
  NerModelUnavailableError,
  type Plugin,
  PluginMissingError,
  QuotaExceededError,
  ReadOnlyError,
  TicketInvalidError,
  TicketReplayError,
  TimeIndexMissingError,
  UnsupportedOperationError,
  VecDimensionMismatchError,
  VecIndexDisabledError,
  VerificationFailedError,
  type CapacityDetails,
  type CapsuleDetails,
  type DamageDetails,
  type DimensionDetails,
  type EmbeddingDetails,
  type InputDetails,
  type LockDetails,
  type MissingFileDetails,
  type NoVectorsDetails,
  type NotFoundDetails,
  type UnsupportedDetails,
} from '@memvid/core';
export { aclContextFromScope, aclMetadataFromScope } from './acl.js';
export type { AclContextInput, AclMetadata, AclOptions, AclScope } from './acl.js';
export type { AdaptiveOptions, AdaptiveStrategy } from './adaptive.js';
export type {
  AskChunk,
  AskInput,
  AskPart,
  AskResult,
  AskStream,
  CitationReport,
  ContextFragment,
} from './ask.js';
export type { FollowUp } from './ask/follow-up.js';
export type { Grounding } from './ask/grounding.js';
export type { AskSource } from './ask/sources.js';
export type { Asset } from './assets.js';
export type { PutManyFields, PutManyInput, PutManyProgress, PutManySource } from './batch-options.js';
export { lock, unlock, type CapsuleOptions } from './capsule.js';
export type {
  AddMemoryCardsResult,
  CardKind,
  CardPolarity,
  CardRelation,
  EnrichEngine,
  EnrichFailure,
  EnrichOptions,
  EnrichProgress,
  EnrichRejection,
  EnrichResult,
  EntityState,
  FactsFormat,
  MemoriesResult,
  MemoriesStatsResult,
  MemoryCard,
  MemoryCardInput,
  SlotState,
} from './cards.js';
export {
  configure,
  getConfig,
  registerPlugin,
  resetConfig,
  resolveMemory,
  type Config,
} from './configure.js';
export type { CloseOptions } from './close.js';
export type { Correction, CorrectOptions } from './correct.js';
export type { CompactResult, KeptTrack, PurgeOptions, PurgeResult } from './upkeep.js';
export {
  doctorMemvid,
  type DoctorActionName,
  type DoctorFinding,
  type DoctorMetrics,
  type DoctorFileOptions,
  type DoctorOptions,
  type DoctorPhase,
  type DoctorPhaseName,
  type DoctorPlan,
  type DoctorReport,
} from './doctor.js';
export type { Dedupe, DocumentFields, IngestSwitches } from './document.js';
export type { VectorInput } from './embedding/document-vectors.js';
export type { EmbeddingVector } from './embedding/given-vector.js';
export type { EmbedderInput } from './embedding/embedder-input.js';
export type { QueryVectorInput } from './embedding/query-vector.js';
export type { EmbeddingProvider } from './embedding/reference-embedder.js';
export type {
  Explanation,
  FusedExplanation,
  ListExplanation,
  MeaningExplanation,
  WordsExplanation,
} from './explanation.js';
export type { FindHit, FindInput, FindResult, SearchEngine } from './find.js';
export type { FrameInfo } from './frame-info.js';
export { info, type Info, type PluginInfo } from './info.js';
export type { AdapterSlots, Kind } from './kinds/adapters.js';
export type { CallableTool, OpenAITool } from './kinds/tools.js';
export { lockNudge, lockWho, type LockOwner, type LockState } from './lock-info.js';
export { maskPii } from './mask-pii.js';
export type { Memvid } from './memory.js';
export {
  create,
  open,
  use,
  type ApiKey,
  type CreateOptions,
  type OpenOptions,
  type UseOptions,
} from './open.js';
export type { ImageContent, ImageEmbedderInput, Picture, PictureInput, PictureQuery } from './image.js';
export type { FileContent, PutFields, PutInput, TextContent } from './put.js';
export type {
  PutFileOptions,
  PutFileResult,
  PutFilesOptions,
  PutFilesProgress,
  PutFilesResult,
} from './put-file.js';
export type { PutManyOptions } from './put-many.js';
export type { PutManyItem, PutManyReport, PutManyStreamOptions } from './put-stream.js';
export type { ReembedInput, ReembedProgress, ReembedResult } from './reembed.js';
export type { RemoveManyInput, RemoveManyResult } from './remove.js';
export type { ScopeFields, ScopeValue } from './scope.js';
export type { Fusion, Recall, SearchInput, SearchMode, SearchModeName } from './search-options.js';
export type { CountedIdentity, StatsResult, StoredIdentity } from './stats.js';
export type { PutPdfTablesOptions, PutPdfTablesResult, TableData, TableFormat, TableInfo } from './tables.js';
export type { MemoryBinding, Ticket } from './tickets.js';
export type { TimelineEntry, TimelineInput } from './timeline.js';
export type { Timestamp } from './timestamps.js';
export type { UpdateInput } from './update.js';
export type { VecSearchInput } from './vec-search.js';
export { verifyMemvid, type VerifyCheck, type VerifyOptions, type VerifyReport } from './verify.js';
export { verifySingleFile } from './verify-single-file.js';
export type { FrameRef } from './view.js';
export type { Where, WhereOperators, WhereValue } from './where.js';
