import { definePlugin, type FactoryOptions, type Plugin } from '@memvid/core/plugin';
import manifest from '../package.json' with { type: 'json' };
import { openai, type OpenAIOptions } from './openai.js';

/** `openai` makes any model of OpenAI, as the option `model` says. `defaults` hold for all of them. */
export function openaiPlugin(defaults: OpenAIOptions = {}): Plugin {
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    languageModels: {
      openai: ({ model, ...options }: FactoryOptions = {}) =>
        openai(typeof model === 'string' ? model : '', { ...defaults, ...options }),
    },
  });
}
