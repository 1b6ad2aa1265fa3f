/** Facts about embedding models by name: which package runs them and which dimension they give. */
import { ownValue } from '../check.js';
import { edits } from '../edits.js';

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

/** A provider of embeddings that comes with a package of this project. */
export interface EmbeddingPlugin {
  readonly packageName: string;
  /** What makes the plugin: `openaiPlugin()`. */
  readonly call: string;
  /** The environment variables its key may stand in; empty: it needs none. */
  readonly keys: readonly string[];
}

/** Which package runs the models of a provider. A table of data: `tests/plugins.test.ts` holds the packages to it. */
export const EMBEDDING_PLUGINS: Readonly<Record<string, EmbeddingPlugin>> = {
  local: { packageName: '@memvid/embed-local', call: 'localPlugin()', keys: [] },
  openai: { packageName: '@memvid/embed-openai', call: 'openaiPlugin()', keys: ['OPENAI_API_KEY'] },
  cohere: {
    packageName: '@memvid/embed-cohere',
    call: 'coherePlugin()',
    keys: ['COHERE_API_KEY', 'CO_API_KEY'],
  },
  voyage: { packageName: '@memvid/embed-voyage', call: 'voyagePlugin()', keys: ['VOYAGE_API_KEY'] },
  nvidia: { packageName: '@memvid/embed-nvidia', call: 'nvidiaPlugin()', keys: ['NVIDIA_API_KEY'] },
};

/** Providers whose models the reference knows, and for which this version has no package. */
const WITHOUT_PACKAGE: ReadonlySet<string> = /* @__PURE__ */ new Set(['gemini', 'mistral', 'ollama']);

export function hasNoPackage(provider: string): boolean {
  return WITHOUT_PACKAGE.has(providerOf(provider));
}

/** A model by provider and the name that is stored with its vectors. */
export interface ModelName {
  readonly provider: string;
  readonly model: string;
}

/** The short names of models. Both sides are accepted, in any case. */
const ALIASES: Readonly<Record<string, ModelName>> = {
  'bge-small': { provider: 'local', model: 'BAAI/bge-small-en-v1.5' },
  'bge-base': { provider: 'local', model: 'BAAI/bge-base-en-v1.5' },
  nomic: { provider: 'local', model: 'nomic-ai/nomic-embed-text-v1.5' },
  'gte-large': { provider: 'local', model: 'thenlper/gte-large' },
  'all-minilm': { provider: 'local', model: 'sentence-transformers/all-MiniLM-L6-v2' },
  openai: { provider: 'openai', model: 'text-embedding-3-large' },
  'openai-large': { provider: 'openai', model: 'text-embedding-3-large' },
  'openai-small': { provider: 'openai', model: 'text-embedding-3-small' },
  'openai-ada': { provider: 'openai', model: 'text-embedding-ada-002' },
  cohere: { provider: 'cohere', model: 'embed-english-v3.0' },
  voyage: { provider: 'voyage', model: 'voyage-3' },
  nvidia: { provider: 'nvidia', model: 'nvidia/nv-embed-v1' },
  gemini: { provider: 'gemini', model: 'gemini-embedding-001' },
  mistral: { provider: 'mistral', model: 'mistral-embed' },
};

/** Other names under which files of the reference know a provider. */
const PROVIDER_ALIASES: Readonly<Record<string, string>> = { fastembed: 'local' };

/** How the names of each provider's models begin. The first row that fits counts. */
const VENDORS: readonly { readonly provider: string; readonly prefixes: readonly string[] }[] = [
  {
    provider: 'local',
    prefixes: ['bge-', 'nomic', 'gte-large', 'all-minilm', 'baai/', 'thenlper/', 'sentence-transformers/'],
  },
  { provider: 'gemini', prefixes: ['gemini', 'text-embedding-004'] },
  { provider: 'openai', prefixes: ['openai', 'text-embedding-3', 'text-embedding-ada'] },
  { provider: 'cohere', prefixes: ['cohere', 'embed-english', 'embed-multilingual', 'embed-v'] },
  { provider: 'voyage', prefixes: ['voyage'] },
  { provider: 'nvidia', prefixes: ['nvidia'] },
  { provider: 'mistral', prefixes: ['mistral'] },
  { provider: 'ollama', prefixes: ['ollama'] },
];

/** A provider's name as plugins have it. */
export function providerOf(name: string): string {
  const provider = name.toLowerCase();
  return Object.hasOwn(PROVIDER_ALIASES, provider) ? (PROVIDER_ALIASES[provider] ?? provider) : provider;
}

/**
 * Which model a name means: a short name, `provider:model`, or a model's own name as far as its beginning tells who
 * runs it.
 */
export function modelOf(name: string): ModelName | undefined {
  const known = knownModelOf(name);
  if (known !== undefined) return known;
  const wanted = name.trim().toLowerCase();
  const vendor = VENDORS.find(({ prefixes }) => prefixes.some((prefix) => wanted.startsWith(prefix)));
  return vendor === undefined ? undefined : { provider: vendor.provider, model: name.trim() };
}

/** The same without guessing from the beginning of a name. */
export function knownModelOf(name: string): ModelName | undefined {
  const wanted = name.trim().toLowerCase();
  if (Object.hasOwn(ALIASES, wanted)) return ALIASES[wanted];
  // Local models go by the name of their folder too, which is their own without its owner's.
  const known = Object.values(ALIASES).find(({ provider, model }) => {
    const full = model.toLowerCase();
    return full === wanted || (provider === 'local' && full.endsWith(`/${wanted}`));
  });
  if (known !== undefined) return known;
  const colon = name.indexOf(':');
  const provider = colon < 0 ? '' : providerOf(name.slice(0, colon).trim());
  const model = name.slice(colon + 1).trim();
  const isKnown = Object.hasOwn(EMBEDDING_PLUGINS, provider) || WITHOUT_PACKAGE.has(provider);
  return isKnown && model !== '' ? { provider, model } : undefined;
}

/** The name that was probably meant by one that differs from it in a letter or two. Numbers tell models apart. */
export function meantName(name: string, registered: readonly string[]): string | undefined {
  const wanted = name.trim().toLowerCase();
  const names = new Set([
    ...registered,
    ...Object.keys(ALIASES),
    ...Object.values(ALIASES).map(({ model }) => model),
    ...Object.keys(MODEL_DIMENSIONS),
  ]);
  return [...names].find((other) => isMistyped(wanted, other.toLowerCase()));
}

const FEWEST_LETTERS = 6;
const MOST_EDITS = 2;

function isMistyped(name: string, other: string): boolean {
  if (name === other || name.length < FEWEST_LETTERS || Math.abs(name.length - other.length) > MOST_EDITS) {
    return false;
  }
  const numbers = (text: string): string => text.replaceAll(/\D+/g, ' ');
  return numbers(name).trim() === numbers(other).trim() && edits(name, other) <= MOST_EDITS;
}

/** Who runs the model of a name: as far as it is known, else what stands before a colon, else the name itself. */
export function providerOfName(name: string): string {
  return modelOf(name)?.provider ?? (name.split(':', 1)[0] ?? name).trim().toLowerCase();
}

/** Whether two names are names of one model. */
function isSameModel(left: string, right: string): boolean {
  return canonicalModel(left) === canonicalModel(right);
}

/** Whether an embedder makes the vectors of an identity; what the file does not say does not contradict. */
export function makesVectorsOf(
  embedder: ModelName,
  { provider, model }: { readonly provider?: string | null; readonly model?: string | null },
): boolean {
  const isItsProvider = (provider ?? embedder.provider).toLowerCase() === embedder.provider.toLowerCase();
  return isItsProvider && isSameModel(model ?? embedder.model, embedder.model);
}

/** One form of all the names of a model. */
export function canonicalModel(name: string): string {
  return (modelOf(name)?.model ?? name).toLowerCase();
}

/** The short names of a model. */
export function aliasesOf({ provider, model }: ModelName): string[] {
  return Object.entries(ALIASES)
    .filter(([, name]) => name.provider === provider && name.model.toLowerCase() === model.toLowerCase())
    .map(([alias]) => alias);
}

/** Numbers in a vector of a model under any of its names, as far as that is known. */
export function dimensionOfModel(provider: string, model: string): number | undefined {
  for (const name of [model, ...aliasesOf({ provider, model })]) {
    const dimension = ownValue(MODEL_DIMENSIONS, name);
    if (dimension !== undefined) return dimension;
  }
  return undefined;
}

/** The package that runs a provider's models; `undefined` for a provider of somebody else. */
export function pluginOfProvider(provider: string): EmbeddingPlugin | undefined {
  const name = providerOf(provider);
  return ownValue(EMBEDDING_PLUGINS, name);
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
