import type { Factory, FactoryOptions, Plugin } from '@memvid/core';
import manifest from '../package.json' with { type: 'json' };
import { clip } from './clip.js';
import type { ClipModel } from './clip-model.js';
import { CLIP_MODELS, INT8_SUFFIX } from './models.js';
import type { ClipOptions } from './options.js';

/** What `clipPlugin()` gives. */
export interface ClipPlugin extends Plugin {
  readonly imageEmbedders: Readonly<Record<string, Factory<ClipModel>>>;
}

/**
 * All models by name, and `local`, which is told the model.
 * @param options for every model; those a factory is called with stand above them.
 */
export function clipPlugin(options: ClipOptions = {}): ClipPlugin {
  const names = CLIP_MODELS.flatMap(({ name }) => [name, `${name}${INT8_SUFFIX}`]);
  const named =
    (usual: string | undefined): Factory<ClipModel> =>
    (given?: FactoryOptions) => {
      const { model, ...rest } = given ?? {};
      return clip(usual ?? (typeof model === 'string' ? model : undefined), { ...options, ...rest });
    };
  return {
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    imageEmbedders: {
      ...Object.fromEntries(names.map((name) => [name, named(name)])),
      local: named(undefined),
    },
  };
}
