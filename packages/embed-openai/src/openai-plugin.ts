import { definePlugin, type Embedder, type FactoryOptions, type Plugin } from '@memvid/core/plugin';
import manifest from '../package.json' with { type: 'json' };
import { openai, type OpenAIOptions } from './openai.js';

/**
 * The models of OpenAI by their short names; `openai` makes any, as the option `model` says. `defaults` hold for all
 * of them.
 */
export function openaiPlugin(defaults: OpenAIOptions = {}): Plugin {
  const named =
    (usual: string) =>
    ({ model, ...options }: FactoryOptions = {}): Embedder =>
      openai(typeof model === 'string' ? model : usual, { ...defaults, ...options });
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    embedders: {
      openai: named('text-embedding-3-small'),
      'openai-small': named('text-embedding-3-small'),
      'openai-large': named('text-embedding-3-large'),
      'openai-ada': named('text-embedding-ada-002'),
    },
  });
}
