import type { Factory, FactoryOptions, Plugin } from '@memvid/core';
import manifest from '../package.json' with { type: 'json' };
import { local, type LocalEmbedder } from './local.js';
import { DYNAMIC_SUFFIX, LOCAL_MODELS, type LocalModel, namesOf, REFERENCE_PROVIDER } from './models.js';
import type { LocalOptions } from './options.js';

/** What `localPlugin()` gives. */
export interface LocalPlugin extends Plugin {
  readonly embedders: Readonly<Record<string, Factory<LocalEmbedder>>>;
}

/**
 * All models by name, for `create(path, { plugins: [localPlugin()], embedder: 'bge-small' })`: short names, folders and
 * ids; `id#int8dyn`; `fastembed:id` for what the reference wrote; and `local`, which is told the model.
 * @param options for every model; those a factory is called with stand above them.
 */
export function localPlugin(options: LocalOptions = {}): LocalPlugin {
  const embedder =
    (name: string): Factory<LocalEmbedder> =>
    (given?: FactoryOptions) =>
      local(name, { ...options, ...given });
  const named = LOCAL_MODELS.flatMap(registeredNames);
  const any: Factory<LocalEmbedder> = (given?: FactoryOptions) => {
    const { model, ...rest } = given ?? {};
    return local(typeof model === 'string' ? model : undefined, { ...options, ...rest });
  };
  return {
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    embedders: { ...Object.fromEntries(named.map((name) => [name, embedder(name)])), local: any },
  };
}

function registeredNames(model: LocalModel): string[] {
  const { id, inReference } = model;
  return namesOf(model).concat(`${id}${DYNAMIC_SUFFIX}`, inReference ? `${REFERENCE_PROVIDER}:${id}` : []);
}
