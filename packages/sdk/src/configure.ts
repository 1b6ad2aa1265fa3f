import { ApiKeyRequiredError, checkArray, invalidInput, type Plugin } from '@memvid/core';
import { reading } from './border.js';
import { filledString, isRecord, optionalFilledString, optionalString, recordOf } from './check.js';

/** Settings of the whole process. Explicit arguments of a call come first, then these, then the environment. */
export interface Config {
  /** A control-plane key of the form `mv2_…`; accepted and not used. */
  apiKey?: string | undefined;
  dashboardUrl?: string | undefined;
  /** What `resolveMemory()` without a name gives. */
  defaultMemory?: string | undefined;
  /** Names for paths or ids. */
  memories?: Readonly<Record<string, string>> | undefined;
  /** The embedder for `enableEmbedding: true` without `embeddingModel`, by name. Default `"bge-small"`. */
  defaultEmbeddingProvider?: string | undefined;
  defaultLlmProvider?: string | undefined;
  plugins?: readonly Plugin[] | undefined;
}

let current: Config = {};

/** Merges settings into those of the process; `memories` and `plugins` are added to, the others replaced. */
export function configure(settings: Config): void {
  current = reading('settings', () => merged(settings));
}

function merged(settings: Config): Config {
  const given = recordOf(settings, 'settings', 'an object with settings');
  const apiKey = optionalString(given['apiKey'], 'apiKey');
  if (apiKey !== undefined) checkMemvidKey(apiKey, 'apiKey');
  for (const name of [
    'dashboardUrl',
    'defaultMemory',
    'defaultEmbeddingProvider',
    'defaultLlmProvider',
  ] as const) {
    optionalFilledString(given[name], name);
  }
  const memories = memoriesOf(given['memories']);
  const plugins = pluginsOf(given['plugins']);
  const named = new Map((current.plugins ?? []).map((plugin) => [plugin.name, plugin]));
  for (const plugin of plugins) named.set(plugin.name, plugin);
  const { memories: _memories, plugins: _plugins, ...plain } = given as Config;
  return {
    ...current,
    ...Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined && value !== null)),
    ...(memories === undefined ? {} : { memories: { ...current.memories, ...memories } }),
    ...(named.size === 0 ? {} : { plugins: [...named.values()] }),
  };
}

/** A copy of the settings. */
export function getConfig(): Config {
  return {
    ...current,
    ...(current.memories === undefined ? {} : { memories: { ...current.memories } }),
    ...(current.plugins === undefined ? {} : { plugins: [...current.plugins] }),
  };
}

/** The plugins of the process, as they are. */
export function configuredPlugins(): readonly Plugin[] {
  return current.plugins ?? [];
}

/** Forgets all settings. */
export function resetConfig(): void {
  current = {};
}

/** Adds one plugin to the process. */
export function registerPlugin(plugin: Plugin): void {
  configure({ plugins: [plugin] });
}

/** The path or id behind a configured name; any other value comes back as it is. */
export function resolveMemory(nameOrId?: string): string | undefined {
  const name = optionalString(nameOrId, 'nameOrId') ?? current.defaultMemory;
  if (name === undefined) return undefined;
  const { memories } = current;
  return memories !== undefined && Object.hasOwn(memories, name) ? memories[name] : name;
}

/** MV008 for a control-plane key that cannot be one. The key itself is never repeated. */
export function checkMemvidKey(key: string, setting: string): void {
  if (!key.startsWith('mv2_')) {
    throw new ApiKeyRequiredError(`${setting} must begin with "mv2_"; local files need no key at all`, {
      details: { setting },
    });
  }
}

function memoriesOf(value: unknown): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  const given = recordOf(value, 'memories', 'an object of names and paths');
  return Object.fromEntries(
    Object.entries(given).map(([name, path]) => [name, filledString(path, `memories.${name}`)]),
  );
}

/** A list of plugins, each looked at. */
export function pluginsOf(value: unknown): readonly Plugin[] {
  if (value === undefined || value === null) return [];
  const plugins = reading('plugins', () => checkArray('plugins', value, 'an array of plugins'));
  return plugins.map((plugin, index) =>
    reading(`plugins[${index}]`, () => {
      if (!isRecord(plugin) || plugin['spec'] !== 'plugin/v1' || typeof plugin['name'] !== 'string') {
        throw invalidInput(`plugins[${index}]`, plugin, 'a plugin with spec "plugin/v1" and a name');
      }
      return plugin as unknown as Plugin;
    }),
  );
}
