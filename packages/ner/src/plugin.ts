import { definePlugin, type FactoryOptions } from '@memvid/core/plugin';
import type { Factory, Plugin } from '@memvid/core';
import manifest from '../package.json' with { type: 'json' };
import { DISTILBERT, ENGLISH } from './models.js';
import { type LocalEntityExtractor, ner } from './ner.js';
import type { NerOptions } from './options.js';

/** What `nerPlugin()` gives. */
export interface NerPlugin extends Plugin {
  readonly entityExtractors: Readonly<Record<string, Factory<LocalEntityExtractor>>>;
}

/**
 * The models by name: `en-core-web-sm`, `distilbert-ner`, and `ner` and `local`, which are told the `model`.
 * @param options for every model; those a factory is called with stand above them.
 */
export function nerPlugin(options: NerOptions = {}): NerPlugin {
  const extractor =
    (usual: string): Factory<LocalEntityExtractor> =>
    (given?: FactoryOptions) => {
      const { model, ...rest } = given ?? {};
      return ner(typeof model === 'string' ? model : usual, { ...options, ...rest });
    };
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    entityExtractors: {
      local: extractor(ENGLISH.name),
      ner: extractor(ENGLISH.name),
      [ENGLISH.name]: extractor(ENGLISH.name),
      [DISTILBERT.name]: extractor(DISTILBERT.name),
    },
  });
}
