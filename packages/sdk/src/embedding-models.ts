/** Facts about embedding models by name: which package runs them and which dimension they give. */

export interface ModelRuntime {
  readonly provider: string;
  readonly packageName: string;
}

/** Numbers in a vector of each model the reference names. */
export const MODEL_DIMENSIONS: Readonly<Record<string, number>> = {
  'text-embedding-3-small': 1536,
  'text-embedding-3-large': 3072,
  'text-embedding-ada-002': 1536,
  'embed-english-v3.0': 1024,
  'embed-multilingual-v3.0': 1024,
  'embed-english-light-v3.0': 384,
  'embed-multilingual-light-v3.0': 384,
  'voyage-3': 1024,
  'voyage-3-lite': 512,
  'voyage-code-3': 1024,
  'text-embedding-004': 768,
  'gemini-embedding-001': 3072,
  'mistral-embed': 1024,
  'bge-small': 384,
  'bge-base': 768,
  nomic: 768,
  'gte-large': 1024,
};

/** Names of the models that run on this machine. */
export const LOCAL_EMBEDDING_MODELS: {
  readonly BGE_SMALL: 'bge-small';
  readonly BGE_BASE: 'bge-base';
  readonly NOMIC: 'nomic';
  readonly GTE_LARGE: 'gte-large';
} = { BGE_SMALL: 'bge-small', BGE_BASE: 'bge-base', NOMIC: 'nomic', GTE_LARGE: 'gte-large' };

/** How the names of each provider's models begin. The first row that fits counts. */
const VENDORS: readonly { readonly provider: string; readonly prefixes: readonly string[] }[] = [
  { provider: 'local', prefixes: ['bge-small', 'bge-base', 'nomic', 'gte-large', 'all-minilm'] },
  { provider: 'gemini', prefixes: ['gemini', 'text-embedding-004'] },
  { provider: 'openai', prefixes: ['openai', 'text-embedding-3', 'text-embedding-ada'] },
  { provider: 'cohere', prefixes: ['cohere', 'embed-'] },
  { provider: 'voyage', prefixes: ['voyage'] },
  { provider: 'nvidia', prefixes: ['nvidia'] },
  { provider: 'mistral', prefixes: ['mistral'] },
];

/** Who runs a model of this name, as far as its name tells. */
export function runtimeOfModel(model: string): ModelRuntime | undefined {
  const name = model.toLowerCase();
  const vendor = VENDORS.find(({ prefixes }) => prefixes.some((prefix) => name.startsWith(prefix)));
  return vendor === undefined
    ? undefined
    : { provider: vendor.provider, packageName: `@memvid/embed-${vendor.provider}` };
}

/** The only model the reference can have used for vectors of this size; 768 is ambiguous, the first is taken. */
export function modelForDimension(dimension: number): string | undefined {
  switch (dimension) {
    case 384:
      return 'bge-small';
    case 768:
      return 'bge-base';
    case 1024:
      return 'gte-large';
    case 1536:
      return 'openai-small';
    case 3072:
      return 'openai-large';
    default:
      return undefined;
  }
}

/** The environment variable a provider reads its key from; `undefined` for those that need none. */
export function keyVariable(provider: string): string | undefined {
  switch (provider.toLowerCase()) {
    case 'openai':
      return 'OPENAI_API_KEY';
    case 'cohere':
      return 'COHERE_API_KEY';
    case 'voyage':
      return 'VOYAGE_API_KEY';
    case 'nvidia':
      return 'NVIDIA_API_KEY';
    case 'gemini':
      return 'GOOGLE_API_KEY';
    case 'mistral':
      return 'MISTRAL_API_KEY';
    default:
      return undefined;
  }
}
