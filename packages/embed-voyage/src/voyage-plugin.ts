import { definePlugin, type FactoryOptions, type Plugin } from '@memvid/core/plugin';
import manifest from '../package.json' with { type: 'json' };
import { voyage, type VoyageOptions } from './voyage.js';

/** `voyage` makes any model of Voyage AI, as the option `model` says. `defaults` hold for all of them. */
export function voyagePlugin(defaults: VoyageOptions = {}): Plugin {
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    embedders: {
      voyage: ({ model, ...options }: FactoryOptions = {}) =>
        voyage(typeof model === 'string' ? model : undefined, { ...defaults, ...options }),
    },
  });
}
