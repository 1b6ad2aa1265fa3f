import { EmbeddingFailedError, NerModelUnavailableError, UnsupportedOperationError } from '@memvid/core';
import { filledString, optionalFilledString, optionsOf, type Options } from '../check.js';
import { classOf, loadPackage } from './load.js';

export interface Entity {
  name: string;
  type: string;
  /** 0 to 1. */
  confidence: number;
}

export interface EntityExtractorProvider {
  readonly name: string;
  readonly entityTypes: readonly string[];
  /** `minConfidence`: leave out what is less certain, 0 to 1. Default: 0.5. */
  extract(text: string, minConfidence?: number): Promise<Entity[]>;
  extractBatch(texts: string[], minConfidence?: number): Promise<Entity[][]>;
}

export interface ExtractorConfig {
  model?: string | undefined;
  apiKey?: string | undefined;
  entityTypes?: readonly string[] | undefined;
  [option: string]: unknown;
}

const CLOUD_TYPES = ['PERSON', 'ORG', 'LOCATION', 'DATE', 'PRODUCT', 'EVENT', 'OTHER'];
const PACKAGE = '@memvid/ner';

abstract class Facade implements EntityExtractorProvider {
  readonly name: string;
  readonly entityTypes: readonly string[];
  readonly #config: Options;
  readonly #className: string;
  readonly #model: string;
  #loaded: Promise<EntityExtractorProvider> | undefined;

  constructor(
    className: string,
    provider: string,
    model: string,
    types: readonly string[],
    config: ExtractorConfig | undefined,
  ) {
    this.#className = className;
    this.#config = optionsOf(config, 'config');
    this.#model = optionalFilledString(this.#config['model'], 'model') ?? model;
    this.name = `${provider}:${this.#model}`;
    this.entityTypes = config?.entityTypes ?? types;
  }

  async extract(text: string, minConfidence?: number): Promise<Entity[]> {
    return (await this.#provider()).extract(text, minConfidence);
  }
  async extractBatch(texts: string[], minConfidence?: number): Promise<Entity[][]> {
    return (await this.#provider()).extractBatch(texts, minConfidence);
  }

  #provider(): Promise<EntityExtractorProvider> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<EntityExtractorProvider> {
    const absent = (cause: unknown): Error =>
      new NerModelUnavailableError(
        `The entity model ${this.#model} needs the package ${PACKAGE}, which is not installed`,
        {
          details: { model: this.#model, searched: [PACKAGE], package: PACKAGE },
          cause,
        },
      );
    const Provider = classOf<EntityExtractorProvider>(await loadPackage(PACKAGE, absent), this.#className);
    if (Provider === undefined) {
      throw new UnsupportedOperationError(`${PACKAGE} has no ${this.#className}`, {
        details: { operation: this.#className, package: PACKAGE },
        suggestion: 'Pass "local".',
      });
    }
    return new Provider(this.#config);
  }
}

/** Runs on this machine. The English model that comes along with the package knows more than names. */
export class LocalNER extends Facade {
  constructor(config?: ExtractorConfig) {
    const types = /^en(?![a-z])/i.test(`${config?.model}`)
      ? ['PERSON', 'ORG', 'LOCATION', 'DATE', 'MONEY', 'OTHER']
      : ['PERSON', 'ORG', 'LOCATION', 'MISC'];
    super('LocalNER', 'local', 'distilbert-ner', types, config);
  }
}

export class OpenAIEntities extends Facade {
  constructor(config?: ExtractorConfig) {
    requireKey('OpenAIEntities', 'openai', config, ['OPENAI_API_KEY']);
    super('OpenAIEntities', 'openai', 'gpt-4o-mini', CLOUD_TYPES, config);
  }
}

export class ClaudeEntities extends Facade {
  constructor(config?: ExtractorConfig) {
    requireKey('ClaudeEntities', 'claude', config, ['ANTHROPIC_API_KEY']);
    super('ClaudeEntities', 'claude', 'claude-haiku', CLOUD_TYPES, config);
  }
}

export class GeminiEntities extends Facade {
  constructor(config?: ExtractorConfig) {
    requireKey('GeminiEntities', 'gemini', config, ['GOOGLE_API_KEY', 'GEMINI_API_KEY']);
    super('GeminiEntities', 'gemini', 'gemini-flash', CLOUD_TYPES, config);
  }
}

function requireKey(
  className: string,
  provider: string,
  config: ExtractorConfig | undefined,
  keys: readonly string[],
): void {
  if (config?.apiKey || keys.some((name) => process.env[name])) return;
  throw new EmbeddingFailedError(`${className} needs a key: neither apiKey nor ${keys.join(' or ')} is set`, {
    details: { provider, variable: keys[0], reason: 'missing_key' },
  });
}

/** An extractor by its name: `"local"`, `"openai"`, `"claude"` or `"gemini"`. */
export function getEntityExtractor(name: string, config?: ExtractorConfig): EntityExtractorProvider {
  switch (filledString(name, 'name').toLowerCase()) {
    case 'local':
      return new LocalNER(config);
    case 'openai':
      return new OpenAIEntities(config);
    case 'claude':
      return new ClaudeEntities(config);
    case 'gemini':
      return new GeminiEntities(config);
    default:
      throw new UnsupportedOperationError(`There is no entity extractor "${name}"`, {
        details: { operation: 'getEntityExtractor', provider: name },
        suggestion: 'Pass "local", "openai", "claude" or "gemini".',
      });
  }
}
