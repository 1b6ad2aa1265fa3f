import { ClipDisabledError, EmbeddingFailedError, UnsupportedOperationError } from '@memvid/core';
import { filledString, optionalFilledString, optionsOf, type Options, ownValue } from '../check.js';
import { classOf, loadPackage } from './load.js';

/** Makes vectors of one space from pictures and texts. */
export interface ClipProvider {
  readonly name: string;
  readonly dimension: number;
  embedImage(path: string): Promise<number[]>;
  embedText(text: string): Promise<number[]>;
  embedImages(paths: string[]): Promise<number[][]>;
}

export interface ClipConfig {
  model?: string | undefined;
  apiKey?: string | undefined;
  [option: string]: unknown;
}

/** Numbers in a vector of each picture model. */
export const CLIP_MODEL_DIMENSIONS: Readonly<Record<string, number>> = {
  'mobileclip-s2': 512,
  'openai-clip': 512,
  'gemini-clip': 768,
};
const PACKAGE = '@memvid/clip';

abstract class Facade implements ClipProvider {
  readonly name: string;
  readonly dimension: number;
  readonly #config: Options;
  readonly #className: string;
  readonly #model: string;
  #loaded: Promise<ClipProvider> | undefined;

  constructor(className: string, provider: string, model: string, config: ClipConfig | undefined) {
    this.#className = className;
    this.#config = optionsOf(config, 'config');
    this.#model = optionalFilledString(this.#config['model'], 'model') ?? model;
    this.name = `${provider}:${this.#model}`;
    this.dimension = ownValue(CLIP_MODEL_DIMENSIONS, this.#model) ?? 512;
  }

  async embedImage(path: string): Promise<number[]> {
    return (await this.#provider()).embedImage(path);
  }
  async embedText(text: string): Promise<number[]> {
    return (await this.#provider()).embedText(text);
  }
  async embedImages(paths: string[]): Promise<number[][]> {
    return (await this.#provider()).embedImages(paths);
  }

  #provider(): Promise<ClipProvider> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<ClipProvider> {
    const absent = (cause: unknown): Error =>
      new ClipDisabledError(
        `The picture model ${this.#model} needs the package ${PACKAGE}, which is not installed`,
        {
          details: { model: this.#model, package: PACKAGE },
          cause,
        },
      );
    const Provider = classOf<ClipProvider>(await loadPackage(PACKAGE, absent), this.#className);
    if (Provider === undefined) {
      throw new UnsupportedOperationError(`${PACKAGE} has no ${this.#className}: use LocalClip`, {
        details: { operation: this.#className, package: PACKAGE },
        suggestion: 'Pass "local": it is the one picture provider there is.',
      });
    }
    return new Provider(this.#config);
  }
}

/** Runs on this machine. */
export class LocalClip extends Facade {
  constructor(config?: ClipConfig) {
    super('LocalClip', 'local', 'mobileclip-s2', config);
  }
}

export class OpenAIClip extends Facade {
  constructor(config?: ClipConfig) {
    requireKey('OpenAIClip', 'openai', config, ['OPENAI_API_KEY']);
    super('OpenAIClip', 'openai', 'openai-clip', config);
  }
}

export class GeminiClip extends Facade {
  constructor(config?: ClipConfig) {
    requireKey('GeminiClip', 'gemini', config, ['GOOGLE_API_KEY', 'GEMINI_API_KEY']);
    super('GeminiClip', 'gemini', 'gemini-clip', config);
  }
}

function requireKey(
  className: string,
  provider: string,
  config: ClipConfig | undefined,
  keys: readonly string[],
): void {
  if (config?.apiKey || keys.some((name) => process.env[name])) return;
  throw new EmbeddingFailedError(`${className} needs a key: neither apiKey nor ${keys.join(' or ')} is set`, {
    details: { provider, variable: keys[0], reason: 'missing_key' },
  });
}

/** A provider by its name: `"local"`, `"openai"` or `"gemini"`. */
export function getClipProvider(name: string, config?: ClipConfig): ClipProvider {
  switch (filledString(name, 'name').toLowerCase()) {
    case 'local':
      return new LocalClip(config);
    case 'openai':
      return new OpenAIClip(config);
    case 'gemini':
      return new GeminiClip(config);
    default:
      throw new UnsupportedOperationError(
        `There is no picture provider "${name}" (there are: local, openai, gemini)`,
        {
          details: { operation: 'getClipProvider', provider: name },
          suggestion: 'Pass "local", "openai" or "gemini".',
        },
      );
  }
}
