import type { DoctorFinding } from './doctor.js';
import type { Handle } from './handle.js';

/** Which model made vectors; `null` where the file does not say. */
export interface StoredIdentity {
  provider: string | null;
  model: string | null;
  dimension: number | null;
  normalized: boolean | null;
}

export type CountedIdentity = StoredIdentity & { count: number };

export interface StatsResult {
  /** All frames: documents, chunks, removed ones. */
  frame_count: number;
  active_frame_count: number;
  /** Of the file on disk. */
  size_bytes: number;
  /** Stored, after compression. */
  payload_bytes: number;
  /** Before compression. */
  logical_bytes: number;
  saved_bytes: number;
  savings_percent: number;
  compression_ratio_percent: number;
  average_frame_payload_bytes: number;
  average_frame_logical_bytes: number;
  has_lex_index: boolean;
  has_vec_index: boolean;
  has_time_index: boolean;
  lex_enabled: boolean;
  vec_enabled: boolean;
  effective_vec_dimension: number | null;
  embedding_identity: StoredIdentity | { mixed: CountedIdentity[] } | null;
  embedding_identity_summary: {
    kind: 'unknown' | 'single' | 'mixed';
    identity?: StoredIdentity;
    identities: CountedIdentity[];
    total: number;
    unknown: number;
  };
  vector_count: number;
  /** Documents whose vector another program lost; `reembed` makes it anew. */
  vectors_lost: number;
  /** Documents that are found as pictures; `null` where the index of them is damaged. */
  picture_count: number | null;
  /** The model of their vectors. */
  picture_model: string | null;
  /** How the vectors are kept: as they were given, or product-quantised. */
  vector_compression: 'none' | 'pq96';
  /** Why they are not quantised, when the memory is set to that; else null. */
  vector_compression_reason: string | null;
  /** Vectors of a `reembed` that was ended: they wait in the file, and no search looks at them. */
  staged_vectors: { identity: StoredIdentity; count: number; bytes: number } | null;
  /** What is not counted because it is damaged; absent where nothing is known to be. */
  damage?: string;
  seq_no: number;
  tier: string;
  capacity_bytes: number;
  remaining_capacity_bytes: number;
  storage_utilisation_percent: number;
  /** Of the file on disk, that nothing refers to any more. */
  dead_bytes: number;
  /** Number of the last commit. */
  generation: number;
  /** Frames in the log: durable and found, but not yet in their final place. */
  pending_frame_count: number;
  lex_segment_count: number;
  /** Whether the reference implementation can read the file. */
  reference_compatible: boolean;
  /** Which limit of the reference the memory has passed. */
  reference_incompatible_reason: string | null;
  /** Of a memory that was opened with `salvage`: what is wrong with the file, and what is lost. */
  salvage?: {
    findings: DoctorFinding[];
    /** Frames of which nothing is left but their number. */
    lost_frames: number[];
    /** Frames whose content is damaged; the rest of them is intact. */
    lost_content: number[];
    /** Active frames whose vector is damaged. */
    lost_vectors: number[];
    /** Active frames whose picture is not found any more, because its vector is damaged. */
    lost_pictures: number[];
  };
}

/** Who made the vectors of a file, as far as it says. */
export function identitiesOf({ embedding_identity: identity }: StatsResult): readonly StoredIdentity[] {
  if (identity === null || identity === undefined) return [];
  return 'mixed' in identity ? identity.mixed : [identity];
}

/** The models that made vectors, for messages; `undefined` when there are none. */
export function modelsOf(identities: readonly StoredIdentity[], between = ' and '): string | undefined {
  if (identities.length === 0) return undefined;
  return identities.map(({ provider, model }) => [provider, model].filter(Boolean).join(' ')).join(between);
}

/** Counts and sizes of the memory as it is on disk now. */
export async function stats(handle: Handle): Promise<StatsResult> {
  handle.assertOpen('stats');
  return JSON.parse(await handle.read('stats', (native) => native.stats())) as StatsResult;
}
