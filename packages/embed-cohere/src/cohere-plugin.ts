import { definePlugin, type FactoryOptions, type Plugin } from '@memvid/core/plugin';
import manifest from '../package.json' with { type: 'json' };
import { cohere, type CohereOptions } from './cohere.js';

/** `cohere` makes any model of Cohere, as the option `model` says. `defaults` hold for all of them. */
export function coherePlugin(defaults: CohereOptions = {}): Plugin {
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    embedders: {
      cohere: ({ model, ...options }: FactoryOptions = {}) =>
        cohere(typeof model === 'string' ? model : undefined, { ...defaults, ...options }),
    },
  });
}
