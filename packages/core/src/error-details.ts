import type { ErrorDetails } from './error-codes.js';

/*
 * What each class of error tells in `details`. An engine newer than this package may tell more, so that every one of them
 * has other keys too.
 */

/** MV001. */
export interface CapacityDetails extends ErrorDetails {
  /** `"disk"`: the disk is full, and not the memory. */
  reason?: string;
  /** In bytes. */
  limit?: number;
  required?: number;
}

/** MV007. */
export interface LockDetails extends ErrorDetails {
  path?: string;
  waited_ms?: number;
  /** Who has the lock, as far as it is known. */
  owner?: Readonly<Record<string, unknown>> | null;
  /** Whether the owner is gone. */
  stale?: boolean;
}

/** MV010. */
export interface NotFoundDetails extends ErrorDetails {
  frame_id?: number;
  uri?: string;
  /** The newest version of the document whose old one was to be changed. */
  superseded_by?: number;
}

/** MV011. */
export interface NoVectorsDetails extends ErrorDetails {
  operation?: string;
  /** `"disabled"`: by `enableVec: false`; `"empty"`: none are stored. */
  reason?: string;
}

/** MV012. */
export interface DamageDetails extends ErrorDetails {
  path?: string;
  section?: string;
  offset?: number;
  /** Files beside the memory that must not be there. */
  offenders?: string[];
}

/** MV013. */
export interface MissingFileDetails extends ErrorDetails {
  path?: string;
  /** `"parent"`: its folder is missing; `"input"`: it was to be read. */
  reason?: string;
}

/** MV014. */
export interface DimensionDetails extends ErrorDetails {
  /** Numbers in a vector. */
  expected: number;
  actual: number;
  /** Of the document or text. */
  index?: number;
  /** Of the embedder that made it. */
  provider?: string;
  model?: string;
}

/** MV015. */
export interface EmbeddingDetails extends ErrorDetails {
  /** What went wrong, in a word: `"missing_key"`, `"http"`, `"unknown_model"` … */
  reason?: string;
  provider?: string;
  model?: string;
  /** Of the service's answer. */
  status?: number;
  /** Whether it may pass by itself. */
  retryable?: boolean;
  retryAfterMs?: number;
  requestId?: string;
  attempts?: number;
  /** Texts that had a vector, of `total`. */
  embedded?: number;
  total?: number;
  /** How many texts had none, and the first hundred of them. */
  failed?: number;
  failed_inputs?: number[];
  /** To be installed. */
  package?: string;
  /** The environment variable that is not set. */
  variable?: string;
}

/** MV016. */
export interface CapsuleDetails extends ErrorDetails {
  reason: 'encryption';
  /** Which failure: `"wrong_password_or_damaged"`, `"output_exists"` … */
  cause?: unknown;
  path?: string;
}

/** MV018. */
export interface UnsupportedDetails extends ErrorDetails {
  operation?: string;
  reason?: string;
  path?: string;
  package?: string;
  /** Of a language model, as all that follows: see {@link EmbeddingDetails}. */
  provider?: string;
  model?: string;
  status?: number;
  variable?: string;
  retryable?: boolean;
  retryAfterMs?: number;
  requestId?: string;
  attempts?: number;
  /** Characters of a streamed answer that came before it failed. */
  received?: number;
}

/** MV019. */
export interface InputDetails extends ErrorDetails {
  /** The name of the argument or option: `docs[3].title`. */
  argument?: string;
  /** What it was, in a few words. */
  received?: string;
  /** What is accepted. */
  expected?: string;
}
