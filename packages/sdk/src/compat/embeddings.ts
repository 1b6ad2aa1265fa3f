import { checkOneOf, EmbeddingFailedError } from '@memvid/core';
import {
  filledString,
  optionalFilledString,
  optionalNumber,
  optionalString,
  optionsOf,
  type Options,
} from '../check.js';
import { HOW_TO_BRING } from '../embedding/embedders.js';
import { dimensionOfModel, hasNoPackage } from '../embedding/models.js';
import type { EmbeddingProvider } from '../embedding/reference-embedder.js';
import { embeddingFailed } from '../failures.js';
import { HashEmbeddings } from './hash-embeddings.js';
import { classOf, loadPackage } from './load.js';

/** Options of the vendors' classes; one that a vendor does not know is MV019 when its package is loaded. */
export interface EmbeddingsConfig {
  /** Default: the vendor's environment variable. */
  apiKey?: string | undefined;
  model?: string | undefined;
  /** Default: the vendor's address. `baseURL` is the same. */
  baseUrl?: string | undefined;
  baseURL?: string | undefined;
  fetch?: typeof globalThis.fetch | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  maxRetries?: number | undefined;
  batchSize?: number | undefined;
  dimension?: number | undefined;
  [option: string]: unknown;
}

interface Vendor {
  readonly provider: string;
  readonly className: string;
  readonly packageName: string;
  readonly model: string;
  /** The environment variables a key may stand in; empty for vendors that need none. */
  readonly keys: readonly string[];
}

/** A class of the reference that loads the vendor's package when it is first asked for a vector. */
abstract class Facade implements EmbeddingProvider {
  readonly provider: string;
  readonly modelName: string;
  readonly #config: Options;
  readonly #vendor: Vendor;
  #loading: Promise<EmbeddingProvider> | undefined;
  #loaded: EmbeddingProvider | undefined;

  constructor(vendor: Vendor, config: EmbeddingsConfig | undefined) {
    this.#vendor = vendor;
    this.#config = optionsOf(config, 'config');
    this.provider = vendor.provider;
    this.modelName = optionalFilledString(this.#config['model'], 'model') ?? vendor.model;
    optionalNumber(this.#config['dimension'], 'dimension', { min: 1, integer: true });
    this.#requireKey(optionalString(this.#config['apiKey'], 'apiKey'));
  }

  /** Numbers in a vector; 0 when only the first answer tells. */
  get dimension(): number {
    const given = this.#config['dimension'];
    return typeof given === 'number'
      ? given
      : (dimensionOfModel(this.provider, this.modelName) ?? this.#loaded?.dimension ?? 0);
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    return (await this.#provider()).embedDocuments(texts);
  }

  async embedQuery(text: string): Promise<number[]> {
    return (await this.#provider()).embedQuery(text);
  }

  #provider(): Promise<EmbeddingProvider> {
    // What could not be loaded may be there the next time.
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<EmbeddingProvider> {
    const { className, packageName, provider } = this.#vendor;
    if (hasNoPackage(provider)) {
      throw embeddingFailed(
        `${className} is not in this version: there is no package for the models of ${provider}`,
        { reason: 'not_in_version', provider, model: this.modelName },
        { suggestion: HOW_TO_BRING },
      );
    }
    const absent = (cause: unknown): Error =>
      new EmbeddingFailedError(`${className} needs the package ${packageName}, which is not installed`, {
        details: { provider, model: this.modelName, package: packageName, reason: 'plugin_missing' },
        cause,
      });
    const Provider = classOf<EmbeddingProvider>(await loadPackage(packageName, absent), className);
    if (Provider === undefined) throw absent(undefined);
    this.#loaded = new Provider(this.#config);
    return this.#loaded;
  }

  #requireKey(given: string | undefined): void {
    const { keys, className, provider } = this.#vendor;
    if (keys.length === 0 || given || keys.some((name) => process.env[name])) return;
    throw new EmbeddingFailedError(
      `${className} needs a key: neither apiKey nor ${keys.join(' or ')} is set`,
      {
        details: { provider, model: this.modelName, variable: keys[0], reason: 'missing_key' },
      },
    );
  }
}

function vendorOf(name: string, provider: string, model: string, keys: readonly string[]): Vendor {
  return { className: `${name}Embeddings`, provider, packageName: `@memvid/embed-${provider}`, model, keys };
}

export class OpenAIEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('OpenAI', 'openai', 'text-embedding-3-small', ['OPENAI_API_KEY']), config);
  }
}

export class CohereEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('Cohere', 'cohere', 'embed-english-v3.0', ['COHERE_API_KEY']), config);
  }
}

export class VoyageEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('Voyage', 'voyage', 'voyage-3', ['VOYAGE_API_KEY']), config);
  }
}

export class NvidiaEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    const model = process.env['NVIDIA_EMBEDDING_MODEL'] || 'nvidia/nv-embed-v1';
    super(vendorOf('Nvidia', 'nvidia', model, ['NVIDIA_API_KEY']), config);
  }
}

export class GeminiEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('Gemini', 'gemini', 'text-embedding-004', ['GOOGLE_API_KEY', 'GEMINI_API_KEY']), config);
  }
}

export class MistralEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('Mistral', 'mistral', 'mistral-embed', ['MISTRAL_API_KEY']), config);
  }
}

/** Runs beside the application and needs no key. */
export class OllamaEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('Ollama', 'ollama', 'nomic-embed-text', []), { dimension: 768, ...config });
  }
}

/** Runs on this machine and needs no key. */
export class LocalEmbeddings extends Facade {
  constructor(config?: EmbeddingsConfig) {
    super(vendorOf('Local', 'local', 'bge-small', []), config);
  }
}

const PROVIDERS = [
  'openai',
  'cohere',
  'voyage',
  'nvidia',
  'gemini',
  'mistral',
  'ollama',
  'hash',
  'local',
] as const;

/** A provider by its name. */
export function getEmbedder(name: string, config?: EmbeddingsConfig): EmbeddingProvider {
  switch (checkOneOf('name', filledString(name, 'name').toLowerCase(), PROVIDERS)) {
    case 'openai':
      return new OpenAIEmbeddings(config);
    case 'cohere':
      return new CohereEmbeddings(config);
    case 'voyage':
      return new VoyageEmbeddings(config);
    case 'nvidia':
      return new NvidiaEmbeddings(config);
    case 'gemini':
      return new GeminiEmbeddings(config);
    case 'mistral':
      return new MistralEmbeddings(config);
    case 'ollama':
      return new OllamaEmbeddings(config);
    case 'hash':
      return new HashEmbeddings(config);
    case 'local':
      return new LocalEmbeddings(config);
  }
}
