import { isErrorCode, type ErrorCode, type ErrorDetails } from './error-codes.js';
import type {
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
import { isError, nativeReport, shown, systemReport, unforeseen } from './reports.js';
import { withoutSecrets } from './secrets.js';
import { suggestionFor } from './suggestions.js';

/** Seen on errors of every installed copy of this package, where `instanceof` only knows its own. */
const MARKER: unique symbol = Symbol.for('@memvid/error');

/** What an error can carry beside its message. */
export interface MemvidErrorOptions {
  /** Values behind the failure, as documented for the code. */
  details?: ErrorDetails | undefined;
  /** The next step, when it is better known than `details` can tell. */
  suggestion?: string | undefined;
  /** The error underneath: the engine's, the system's or a provider's. */
  cause?: unknown;
}

/** The form of an error in logs and across processes. */
export interface MemvidErrorJson {
  code: ErrorCode;
  message: string;
  details?: ErrorDetails;
}

/**
 * Every failure of every public call. `code` says what kind it is, `message` what failed and with which value,
 * `suggestion` what to do next.
 */
export class MemvidError extends Error {
  /** The kind of failure; a number has one meaning, save MV016 (see {@link ClipDisabledError}). */
  readonly code: ErrorCode;
  /** Values behind the failure. */
  declare readonly details?: ErrorDetails;
  /** One concrete next step, or `null` for a code this version does not know. */
  readonly suggestion: string | null;

  constructor(code: ErrorCode, message: string, options: MemvidErrorOptions = {}) {
    super(withoutSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.details !== undefined) this.details = options.details;
    this.suggestion = options.suggestion ?? suggestionFor(code, options.details, message);
    Object.defineProperty(this, MARKER, { value: true });
  }

  // A getter on the prototype: the name survives minification and stands in the first line of the stack.
  override get name(): string {
    return 'MemvidError';
  }

  /** `[MV013] message`, a blank line, `Suggestion: …`. */
  get formattedMessage(): string {
    const head = `[${this.code}] ${this.message}`;
    return this.suggestion === null ? head : `${head}\n\nSuggestion: ${this.suggestion}`;
  }

  /** Plain data; {@link MemvidError.fromNative} makes the error again from its JSON text. */
  toJSON(): MemvidErrorJson {
    const { code, message, details } = this;
    return details === undefined ? { code, message } : { code, message, details };
  }

  /** Works across two installed copies of this package, where `instanceof` does not. */
  static isMemvidError(value: unknown): value is MemvidError {
    try {
      return typeof value === 'object' && value !== null && MARKER in value;
    } catch {
      return false; // A proxy that does not let itself be asked.
    }
  }

  /**
   * The error of the right class for what the engine threw (its message is JSON: `code`, `message`, `details`).
   * A code this version does not know keeps its number; anything else becomes MV999 with the cause kept.
   */
  static fromNative(error: Error): MemvidError {
    if (MemvidError.isMemvidError(error)) return error;
    const { code, message, details } = nativeReport(error) ?? systemReport(error) ?? unforeseen(error);
    return createError(code, message, { details, cause: error });
  }
}

/** MV001: a write would pass `capacityBytes`, or the disk is full. */
export class CapacityExceededError extends MemvidError {
  declare readonly code: 'MV001';
  declare readonly details?: CapacityDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV001', message, options);
  }
  override get name(): string {
    return 'CapacityExceededError';
  }
}

/** MV002: a ticket was applied; local files have none. */
export class TicketInvalidError extends MemvidError {
  declare readonly code: 'MV002';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV002', message, options);
  }
  override get name(): string {
    return 'TicketInvalidError';
  }
}

/** MV003: a ticket's sequence number is not newer than the stored one. */
export class TicketReplayError extends MemvidError {
  declare readonly code: 'MV003';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV003', message, options);
  }
  override get name(): string {
    return 'TicketReplayError';
  }
}

/** MV004: a lexical search without a lexical index, and never for any other reason. */
export class LexIndexDisabledError extends MemvidError {
  declare readonly code: 'MV004';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV004', message, options);
  }
  override get name(): string {
    return 'LexIndexDisabledError';
  }
}

/** MV005: the time index is absent or unreadable. */
export class TimeIndexMissingError extends MemvidError {
  declare readonly code: 'MV005';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV005', message, options);
  }
  override get name(): string {
    return 'TimeIndexMissingError';
  }
}

/** MV006: a check failed on a file that had to be sound. */
export class VerificationFailedError extends MemvidError {
  declare readonly code: 'MV006';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV006', message, options);
  }
  override get name(): string {
    return 'VerificationFailedError';
  }
}

/** MV007: another writer kept the lock longer than `lockTimeoutMs`. */
export class LockedError extends MemvidError {
  declare readonly code: 'MV007';
  declare readonly details?: LockDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV007', message, options);
  }
  override get name(): string {
    return 'LockedError';
  }
}

/** MV008: a cloud-only call without a key, or a key of the wrong form. */
export class ApiKeyRequiredError extends MemvidError {
  declare readonly code: 'MV008';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV008', message, options);
  }
  override get name(): string {
    return 'ApiKeyRequiredError';
  }
}

/** MV009: the file is bound to a memory already. */
export class MemoryAlreadyBoundError extends MemvidError {
  declare readonly code: 'MV009';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV009', message, options);
  }
  override get name(): string {
    return 'MemoryAlreadyBoundError';
  }
}

/** MV010: an unknown or removed frame, uri, table or recording. */
export class FrameNotFoundError extends MemvidError {
  declare readonly code: 'MV010';
  declare readonly details?: NotFoundDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV010', message, options);
  }
  override get name(): string {
    return 'FrameNotFoundError';
  }
}

/** MV011: vector work with `enableVec: false`, or a semantic search in a file without vectors. */
export class VecIndexDisabledError extends MemvidError {
  declare readonly code: 'MV011';
  declare readonly details?: NoVectorsDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV011', message, options);
  }
  override get name(): string {
    return 'VecIndexDisabledError';
  }
}

/** MV012: not a memory, damaged, or side files beside it. */
export class CorruptFileError extends MemvidError {
  declare readonly code: 'MV012';
  declare readonly details?: DamageDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV012', message, options);
  }
  override get name(): string {
    return 'CorruptFileError';
  }
}

/** MV013: the memory, an input file or the parent folder is missing. */
export class FileNotFoundError extends MemvidError {
  declare readonly code: 'MV013';
  declare readonly details?: MissingFileDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV013', message, options);
  }
  override get name(): string {
    return 'FileNotFoundError';
  }
}

/** MV014: a vector of another size than the file's, or than its embedder declared. */
export class VecDimensionMismatchError extends MemvidError {
  declare readonly code: 'MV014';
  declare readonly details?: DimensionDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV014', message, options);
  }
  override get name(): string {
    return 'VecDimensionMismatchError';
  }
}

/** MV015: no vector can be made. */
export class EmbeddingFailedError extends MemvidError {
  declare readonly code: 'MV015';
  declare readonly details?: EmbeddingDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV015', message, options);
  }
  override get name(): string {
    return 'EmbeddingFailedError';
  }
}

/** MV016 with `details.reason: "encryption"`: capsule work failed, or a capsule was opened directly. */
export class EncryptionError extends MemvidError {
  declare readonly code: 'MV016';
  declare readonly details: CapsuleDetails;

  constructor(message: string, options: MemvidErrorOptions = {}) {
    super('MV016', message, {
      ...options,
      details: { ...options.details, ...encryptionReason(options.details) },
    });
  }
  override get name(): string {
    return 'EncryptionError';
  }
}

/** MV016 with `details.reason: "clip"`: CLIP was asked for and is not there. The one number with two meanings. */
export class ClipDisabledError extends MemvidError {
  declare readonly code: 'MV016';

  constructor(message: string, options: MemvidErrorOptions = {}) {
    super('MV016', message, { ...options, details: { ...options.details, reason: 'clip' } });
  }
  override get name(): string {
    return 'ClipDisabledError';
  }
}

/** MV017: the model or the plugin for named entities is absent. */
export class NerModelUnavailableError extends MemvidError {
  declare readonly code: 'MV017';

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV017', message, options);
  }
  override get name(): string {
    return 'NerModelUnavailableError';
  }
}

/** MV018: what was asked cannot be done here; the subclasses say why. */
export class UnsupportedOperationError extends MemvidError {
  declare readonly code: 'MV018';
  declare readonly details?: UnsupportedDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV018', message, options);
  }
  override get name(): string {
    return 'UnsupportedOperationError';
  }
}

/** MV018: a change was asked of a handle opened with `readOnly`. */
export class ReadOnlyError extends UnsupportedOperationError {
  constructor(message: string, options: MemvidErrorOptions = {}) {
    super(message, { ...options, details: { ...options.details, reason: 'read_only' } });
  }
  override get name(): string {
    return 'ReadOnlyError';
  }
}

/** MV018: the capability comes with a package that is not installed; `details.package` names it. */
export class PluginMissingError extends UnsupportedOperationError {
  constructor(message: string, options: MemvidErrorOptions = {}) {
    super(message, { ...options, details: { ...options.details, reason: 'plugin_missing' } });
  }
  override get name(): string {
    return 'PluginMissingError';
  }
}

/** MV018: the handle was closed before. */
export class ClosedHandleError extends UnsupportedOperationError {
  constructor(message: string, options: MemvidErrorOptions = {}) {
    super(message, { ...options, details: { ...options.details, reason: 'closed' } });
  }
  override get name(): string {
    return 'ClosedHandleError';
  }
}

/** MV018: a language model is unknown, has no key, cannot be reached or refused. */
export class ModelUnsupportedError extends UnsupportedOperationError {
  override get name(): string {
    return 'ModelUnsupportedError';
  }
}

/** MV019: an argument or option is missing, of the wrong type or out of range. */
export class InvalidInputError extends MemvidError {
  declare readonly code: 'MV019';
  declare readonly details?: InputDetails;

  constructor(message: string, options?: MemvidErrorOptions) {
    super('MV019', message, options);
  }
  override get name(): string {
    return 'InvalidInputError';
  }
}

/** What the reference's metered plans report. */
export interface Quota {
  limit: number;
  used: number;
  resetDate: string;
  planName: string;
}

/** MV023: never raised here; exported so that code which tests for it goes on compiling. */
export class QuotaExceededError extends MemvidError {
  declare readonly code: 'MV023';
  readonly limit: number;
  readonly used: number;
  readonly resetDate: string;
  readonly planName: string;

  constructor(message: string, quota: Quota, options?: MemvidErrorOptions) {
    super('MV023', message, { details: { ...quota }, ...options });
    this.limit = quota.limit;
    this.used = quota.used;
    this.resetDate = quota.resetDate;
    this.planName = quota.planName;
  }
  override get name(): string {
    return 'QuotaExceededError';
  }
}

/** The error of the class that belongs to `code`; where a code has several classes, `details.reason` decides. */
export function createError(code: string, message: string, options: MemvidErrorOptions = {}): MemvidError {
  switch (code) {
    case 'MV001':
      return new CapacityExceededError(message, options);
    case 'MV002':
      return new TicketInvalidError(message, options);
    case 'MV003':
      return new TicketReplayError(message, options);
    case 'MV004':
      return new LexIndexDisabledError(message, options);
    case 'MV005':
      return new TimeIndexMissingError(message, options);
    case 'MV006':
      return new VerificationFailedError(message, options);
    case 'MV007':
      return new LockedError(message, options);
    case 'MV008':
      return new ApiKeyRequiredError(message, options);
    case 'MV009':
      return new MemoryAlreadyBoundError(message, options);
    case 'MV010':
      return new FrameNotFoundError(message, options);
    case 'MV011':
      return new VecIndexDisabledError(message, options);
    case 'MV012':
      return new CorruptFileError(message, options);
    case 'MV013':
      return new FileNotFoundError(message, options);
    case 'MV014':
      return new VecDimensionMismatchError(message, options);
    case 'MV015':
      return new EmbeddingFailedError(message, options);
    case 'MV016':
      return options.details?.reason === 'clip'
        ? new ClipDisabledError(message, options)
        : new EncryptionError(message, options);
    case 'MV017':
      return new NerModelUnavailableError(message, options);
    case 'MV018':
      return unsupportedError(message, options);
    case 'MV019':
      return new InvalidInputError(message, options);
    case 'MV023':
      return new QuotaExceededError(message, quotaOf(options.details), options);
    default:
      return new MemvidError(isErrorCode(code) ? code : 'MV999', message, options);
  }
}

/**
 * The error for a failed system call, or `undefined` when `error` is none that has a meaning of its own.
 * @param path what the call was about, when the error does not say.
 */
export function fromSystemError(error: unknown, path?: string): MemvidError | undefined {
  const report = systemReport(error, path);
  return report && createError(report.code, report.message, { details: report.details, cause: error });
}

/**
 * Any thrown value as a {@link MemvidError}: ours unchanged, the engine's and the system's by what they report,
 * anything else as MV999 with the cause kept.
 */
export function toMemvidError(thrown: unknown): MemvidError {
  if (MemvidError.isMemvidError(thrown)) return thrown;
  if (isError(thrown)) return MemvidError.fromNative(thrown);
  return new MemvidError('MV999', `Something other than an error was thrown: ${shown(thrown)}`, {
    cause: thrown,
  });
}

/** `reason` tells the two meanings of MV016 apart; which failure of a capsule it was stands in `cause`. */
function encryptionReason(details: ErrorDetails | undefined): ErrorDetails {
  const reason = details?.reason;
  const known = reason === undefined || reason === 'encryption';
  return known ? { reason: 'encryption' } : { reason: 'encryption', cause: reason };
}

function unsupportedError(message: string, options: MemvidErrorOptions): UnsupportedOperationError {
  switch (options.details?.reason) {
    case 'read_only':
    case 'readOnly':
      return new ReadOnlyError(message, options);
    case 'closed':
      return new ClosedHandleError(message, options);
    case 'plugin_missing':
      return new PluginMissingError(message, options);
    case 'model':
      return new ModelUnsupportedError(message, options);
    default:
      return isAboutAModel(options.details)
        ? new ModelUnsupportedError(message, options)
        : new UnsupportedOperationError(message, options);
  }
}

/** Only language models are named by both in a failure of this code. */
function isAboutAModel(details: ErrorDetails | undefined): boolean {
  return typeof details?.provider === 'string' && typeof details.model === 'string';
}

function quotaOf(details: ErrorDetails | undefined): Quota {
  return {
    limit: Number(details?.limit ?? 0),
    used: Number(details?.used ?? 0),
    resetDate: String(details?.resetDate ?? ''),
    planName: String(details?.planName ?? ''),
  };
}
