import {
  type Embedder,
  type EmbeddingIdentity,
  type Factory,
  MemvidError,
  type Plugin,
  toMemvidError,
} from '@memvid/core';
import { configuredPlugins } from '../configure.js';
import { embeddingFailed } from '../failures.js';
import { embedderObject } from './embedder-input.js';
import {
  aliasesOf,
  hasNoPackage,
  knownModelOf,
  meantName,
  type ModelName,
  modelOf,
  pluginOfProvider,
  providerOf,
  providerOfName,
} from './models.js';

/** Where a handle looks for embedders by name. */
export interface EmbedderSources {
  /** Given when the memory was opened; they come before those of `configure`. */
  readonly plugins: readonly Plugin[];
  /** Keys given to `use`, by provider. */
  readonly apiKeys: ReadonlyMap<string, string>;
  /** More plugins, asked for when no other has the name: the compat entry looks for installed packages. */
  readonly discover?: (() => Promise<readonly Plugin[]>) | undefined;
}

/** `create` empties the file, so that it is advised to nobody but who called it. */
export type OpeningCall = 'create' | 'open';

interface Found {
  readonly factory: Factory<Embedder>;
  /** The name it is registered by. */
  readonly name: string;
  /** To be passed on, when the factory makes more than one model. */
  readonly model?: string;
}

/**
 * The embedders of one handle by name. Nothing is made before it is used, and each name is made once; what failed is
 * tried again with the next use.
 */
export class Embedders {
  readonly #sources: EmbedderSources;
  readonly #made = new Map<Factory<Embedder>, Map<string, Promise<Embedder>>>();
  #discovered: readonly Plugin[] = [];

  constructor(sources: EmbedderSources) {
    this.#sources = sources;
  }

  /** The names that plugins registered, in their order. */
  get names(): string[] {
    return [...new Set(this.plugins.flatMap(({ embedders }) => Object.keys(embedders ?? {})))];
  }

  /** The embedder that was given, or that of the name that was. */
  async of(given: Embedder | string): Promise<Embedder> {
    return typeof given === 'string' ? this.named(given) : given;
  }

  /**
   * The embedder of a name, a short name of a model, a model's own name, or `provider:model`. `call`: what a caller is
   * advised to write when no plugin has it.
   */
  async named(name: string, call?: OpeningCall): Promise<Embedder> {
    const found = await this.search(() => this.#byName(name));
    if (found === undefined) throw this.missing(name, call);
    return this.#make(found, name);
  }

  /**
   * The embedder that makes vectors of an identity, or `undefined` when no plugin has it. A provider under another
   * name than its plugin's (`fastembed` of the reference, which pools otherwise) is another, with names of its own.
   */
  async ofIdentity({ provider, model }: EmbeddingIdentity): Promise<Embedder | undefined> {
    if (provider === undefined || model === undefined) return undefined;
    const wanted = { provider: provider.toLowerCase(), model };
    const found = await this.search(() => this.#ofIdentity(wanted));
    return found === undefined ? undefined : this.#make(found, `${provider}:${model}`);
  }

  /** Whether `ofIdentity` would have it, without looking for more plugins or making anything. */
  has({ provider, model }: { readonly provider: string | null; readonly model: string | null }): boolean {
    if (provider === null || model === null) return false;
    return this.#ofIdentity({ provider: provider.toLowerCase(), model }) !== undefined;
  }

  /** MV015 for a name that no plugin has, with the way to the one that has it. */
  missing(name: string, call: OpeningCall = 'open'): MemvidError {
    return missing(name, this.names, call, (provider) => this.#sources.apiKeys.has(provider));
  }

  /** The plugins of this memory and of the process, as far as they are known. */
  get plugins(): readonly Plugin[] {
    return [...this.#sources.plugins, ...configuredPlugins(), ...this.#discovered];
  }

  /** What `look` finds in the plugins, also in those that are installed where these are looked for. */
  async search<T>(look: (plugins: readonly Plugin[]) => T | undefined): Promise<T | undefined> {
    const found = look(this.plugins);
    const { discover } = this.#sources;
    if (found !== undefined || discover === undefined || this.#discovered.length > 0) return found;
    this.#discovered = await discover();
    return look(this.plugins);
  }

  #ofIdentity(wanted: ModelName): Found | undefined {
    const isOwnName = providerOf(wanted.provider) === wanted.provider;
    return this.#qualified(wanted) ?? (isOwnName ? this.#byModel(wanted) : undefined);
  }

  #byName(name: string): Found | undefined {
    const known = modelOf(name);
    const own = this.#registered(name);
    // A provider's name stands for its usual model, which its factory is told.
    if (own !== undefined) return own.name === known?.provider ? { ...own, model: known.model } : own;
    const colon = Math.max(0, name.indexOf(':'));
    const provider = name.slice(0, colon).trim().toLowerCase();
    if (known !== undefined && providerOf(provider) === provider) {
      return this.#isMistaken(name, known) ? undefined : this.#byModel(known);
    }
    // `provider:model` of a plugin that nobody here knows: the factory that bears the provider's name makes any.
    const model = name.slice(colon + 1).trim();
    const any = provider === '' || model === '' ? undefined : this.#registered(provider);
    return any === undefined ? undefined : { ...any, model };
  }

  /**
   * Whether a name of which only the beginning is known is nobody's: local models are all registered, and a service would
   * be asked for a model that was mistyped.
   */
  #isMistaken(name: string, { provider }: ModelName): boolean {
    if (knownModelOf(name) !== undefined) return false;
    return provider === 'local' || meantName(name, this.names) !== undefined;
  }

  /** By the model's own name, by a short one, or from the factory that bears the provider's name and makes any. */
  #byModel(wanted: ModelName): Found | undefined {
    for (const name of [wanted.model, ...aliasesOf(wanted)]) {
      const found = name.toLowerCase() === wanted.provider ? undefined : this.#registered(name);
      if (found !== undefined) return found;
    }
    const any = this.#registered(wanted.provider);
    return any === undefined ? undefined : { ...any, model: wanted.model };
  }

  /** By `provider:model`, where a plugin has registered just that. */
  #qualified({ provider, model }: ModelName): Found | undefined {
    const full = modelOf(model)?.model ?? model;
    return this.#registered(`${provider}:${model}`) ?? this.#registered(`${provider}:${full}`);
  }

  #registered(name: string): Found | undefined {
    const wanted = name.trim().toLowerCase();
    for (const { embedders } of this.plugins) {
      for (const [own, factory] of Object.entries(embedders ?? {})) {
        if (own.toLowerCase() === wanted) return { factory, name: wanted };
      }
    }
    return undefined;
  }

  #make({ factory, name, model }: Found, asked: string): Promise<Embedder> {
    const key = model ?? '';
    const made = this.#made.get(factory) ?? new Map<string, Promise<Embedder>>();
    this.#made.set(factory, made);
    const known = made.get(key);
    if (known !== undefined) return known;
    const making = this.#call(factory, name, model, asked);
    made.set(key, making);
    making.catch(() => made.delete(key));
    return making;
  }

  async #call(
    factory: Factory<Embedder>,
    name: string,
    model: string | undefined,
    asked: string,
  ): Promise<Embedder> {
    const provider = providerOfName(name);
    const apiKey = this.#sources.apiKeys.get(provider);
    try {
      const given = await factory({
        ...(model === undefined ? {} : { model }),
        ...(apiKey === undefined ? {} : { apiKey }),
      });
      return embedderObject(given, `embedders["${name}"]()`);
    } catch (error) {
      if (MemvidError.isMemvidError(error)) throw error;
      throw embeddingFailed(
        `The embedder "${asked}" could not be made: ${toMemvidError(error).message}`,
        { reason: 'provider', provider, model: model ?? name },
        { cause: error },
      );
    }
  }
}

/** MV015 for a name that no plugin has: what is registered, and the exact way to the one that has it. */
function missing(
  name: string,
  names: readonly string[],
  call: OpeningCall,
  hasKey: (provider: string) => boolean,
): MemvidError {
  const registered = listed(names);
  const known = modelOf(name);
  const plugin = known === undefined ? undefined : pluginOfProvider(known.provider);
  if (known !== undefined && hasNoPackage(known.provider)) {
    return embeddingFailed(
      `The embedding model "${name}" is one of ${known.provider}, for which this version has no package (registered: ${registered})`,
      { reason: 'not_in_version', provider: known.provider, model: name },
      { suggestion: HOW_TO_BRING },
    );
  }
  const isGuess = known !== undefined && knownModelOf(name) === undefined;
  const meant = isGuess || known === undefined ? meantName(name, names) : undefined;
  const isPassedIn = isGuess && names.some((own) => own.toLowerCase() === known.provider);
  if (known === undefined || plugin === undefined || meant !== undefined || isPassedIn) {
    return embeddingFailed(
      `There is no embedding model "${name}": no plugin has an embedder of that name (registered: ${registered})${meant === undefined ? '' : `. Did you mean "${meant}"?`}`,
      { reason: 'unknown_model', model: name },
      {
        suggestion:
          meant === undefined
            ? `Pass an Embedder object as \`embedder\`, the name of a registered one, or the plugin that has it: \`${call}(path, { plugins: [plugin], embedder: '${name}' })\`.`
            : `Write \`${meant}\`.`,
      },
    );
  }
  const { packageName } = plugin;
  const missingKey = hasKey(known.provider) ? undefined : missingKeyOf(plugin.keys);
  return embeddingFailed(
    `The embedding model "${name}" needs the package ${packageName}, which was not passed in (registered: ${registered})${missingKey === undefined ? '' : `, and a key: ${missingKey} is not set`}`,
    {
      reason: 'plugin_missing',
      provider: known.provider,
      model: name,
      package: packageName,
      ...(missingKey === undefined ? {} : { variable: missingKey }),
    },
    { suggestion: howToPass(name, plugin, call, missingKey) },
  );
}

const MOST_LISTED = 8;

/** Names for a message: the short ones, and how many more there are. */
function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  // An id, a variant or the name for another's files stands beside a short name.
  const short = names.filter((name) => !/[/#:]/.test(name));
  const shown = (short.length === 0 ? names : short).slice(0, MOST_LISTED);
  const more = names.length - shown.length;
  return `${shown.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

/** Of models for which there is no package. */
export const HOW_TO_BRING =
  'Pass an embedder of your own as `embedder`: an `Embedder`, or an object with `embedDocuments`, `embedQuery`, `modelName` and `dimension`.';

function missingKeyOf(keys: readonly string[]): string | undefined {
  return keys.some((key) => (process.env[key] ?? '').trim() !== '') ? undefined : keys[0];
}

/** Two lines to run: the install, and the call. */
function howToPass(
  name: string,
  { packageName, call: made }: { packageName: string; call: string },
  call: OpeningCall,
  missingKey: string | undefined,
): string {
  const key = missingKey === undefined ? '' : ` Set the environment variable ${missingKey}.`;
  const maker = made.replace('()', '');
  return `Install it: npm install ${packageName}. Then pass it: import { ${maker} } from '${packageName}', and ${call}(path, { plugins: [${made}], embedder: '${name}' }).${key}`;
}
