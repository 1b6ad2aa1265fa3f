import assert from 'node:assert/strict';
import type { FactoryOptions, Plugin } from '@memvid/core';
import type { Runner } from './runner.js';

export interface PluginContract {
  /** Makes the plugin; called once a test. */
  create: () => Plugin;
  /** Passed to every factory, for those that cannot do without a key. */
  options?: FactoryOptions | undefined;
  name?: string | undefined;
}

/** What each kind of factory makes. */
const SPECS = {
  embedders: 'embedder/v1',
  languageModels: 'language-model/v1',
  imageEmbedders: 'image-embedder/v1',
  entityExtractors: 'entity-extractor/v1',
  tableExtractors: 'table-extractor/v1',
  documentParsers: 'document-parser/v1',
} as const;

/** What every plugin has to be. */
export function pluginContract({ describe, it }: Runner, { create, options, name }: PluginContract): void {
  describe(name ?? 'plugin contract', () => {
    it('is a plain object with a spec, the name of its package, and at least one factory', async () => {
      const plugin = create();
      assert.equal(plugin.spec, 'plugin/v1');
      assert.match(plugin.name, /^(@[\w.-]+\/)?[\w.-]+$/, '`name` must be the name of the package');
      assert.ok(
        plugin.version === undefined || /^\d+\.\d+\.\d+/.test(plugin.version),
        '`version` must be a version',
      );
      assert.ok(factoriesOf(plugin).length > 0, 'a plugin that provides nothing');
      for (const [, own] of factoriesOf(plugin)) {
        assert.equal(own, own.trim(), 'names have no space around them');
      }
    });

    it('names differ by more than their case', async () => {
      for (const kind of Object.keys(SPECS) as (keyof typeof SPECS)[]) {
        const names = Object.keys(create()[kind] ?? {}).map((own) => own.toLowerCase());
        assert.equal(new Set(names).size, names.length, `two ${kind} of one name`);
      }
    });

    it('every factory makes a provider of its kind, a new one each time', async () => {
      for (const [kind, own, factory] of factoriesOf(create())) {
        const [first, second] = [await factory(options), await factory(options)];
        assert.equal((first as { spec?: unknown }).spec, SPECS[kind], `${kind}["${own}"]`);
        assert.notEqual(first, second, `${kind}["${own}"] gives the same object twice`);
      }
    });

    it('nothing is shared between two plugins, and nothing is written into the options', async () => {
      const given = { ...options };
      const before = structuredClone(Object.keys(given));
      for (const [, , factory] of factoriesOf(create())) await factory(given);
      assert.deepEqual(Object.keys(given), before);
      assert.notEqual(create(), create());
    });
  });
}

type AnyFactory = (options?: FactoryOptions) => unknown;

function factoriesOf(plugin: Plugin): [keyof typeof SPECS, string, AnyFactory][] {
  return (Object.keys(SPECS) as (keyof typeof SPECS)[]).flatMap((kind) =>
    Object.entries(plugin[kind] ?? {}).map(([name, factory]): [keyof typeof SPECS, string, AnyFactory] => [
      kind,
      name,
      factory,
    ]),
  );
}
