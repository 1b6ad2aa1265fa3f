import { definePlugin, type FactoryOptions, type Plugin } from '@memvid/core/plugin';
import manifest from '../package.json' with { type: 'json' };
import { nvidia, type NvidiaOptions } from './nvidia.js';

/** `nvidia` makes any model that NVIDIA hosts, as the option `model` says. `defaults` hold for all of them. */
export function nvidiaPlugin(defaults: NvidiaOptions = {}): Plugin {
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    languageModels: {
      nvidia: ({ model, ...options }: FactoryOptions = {}) =>
        nvidia(typeof model === 'string' ? model : undefined, { ...defaults, ...options }),
    },
  });
}
