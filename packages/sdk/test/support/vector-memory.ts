import type { EmbeddingIdentity, NativeDocument, NativeMemory } from '@memvid/core';
import { Embedders, type EmbedderSources } from '../../src/embedding/embedders.ts';
import { Handle, type HandleSettings } from '../../src/handle.ts';

/** What an engine that keeps vectors was given. */
export interface VectorMemory {
  readonly handle: Handle;
  readonly stored: NativeDocument[];
  readonly found: { request: Record<string, unknown>; vector: Float32Array | undefined }[];
}

const NOTHING = {
  count: 0,
  numbers: [],
  engine: 'hybrid',
  total_hits: 0,
  total_is_exact: true,
  next_cursor: null,
  took_ms: 0,
};

/** A handle on an engine that keeps vectors, of which it only notes what it is given. */
export function vectorMemory(
  changes: Partial<HandleSettings> & Partial<Omit<EmbedderSources, 'apiKeys'>> = {},
  stats: { dimension?: number; identity?: unknown } = {},
): VectorMemory {
  const stored: NativeDocument[] = [];
  const found: VectorMemory['found'] = [];
  const native: Partial<NativeMemory> = {
    async put(documents) {
      const first = stored.length;
      stored.push(...documents);
      return { ids: documents.map((_, at) => first + at), duplicateOf: [], sequence: 0 };
    },
    putAtOnce: () => null,
    async update(_, patch) {
      stored.push(patch as NativeDocument);
      return stored.length - 1;
    },
    stats() {
      const first = stored.find(({ vector }) => vector !== undefined);
      return JSON.stringify({
        effective_vec_dimension: stats.dimension ?? first?.vector?.length ?? null,
        embedding_identity: stats.identity ?? storedIdentity(first?.vectorIdentity),
      });
    },
    find(request, vector) {
      found.push({ request: JSON.parse(request) as Record<string, unknown>, vector });
      return { head: JSON.stringify(NOTHING), ascii: '', wide: '' };
    },
    timeline: () => '[]',
  };
  const { plugins = [], discover, ...settings } = changes;
  const handle = new Handle(
    'vectors.mv2',
    native as NativeMemory,
    {
      readOnly: false,
      enableVec: true,
      lockTimeoutMs: 1000,
      fusion: 'weighted',
      apiKeys: new Map(),
      ...settings,
    },
    new Embedders({ plugins, discover, apiKeys: settings.apiKeys ?? new Map() }),
  );
  return { handle, stored, found };
}

function storedIdentity(identity: EmbeddingIdentity | undefined): unknown {
  if (identity === undefined) return null;
  const { provider = null, model = null, dimension = null, normalized = null } = identity;
  return { provider, model, dimension, normalized };
}
