import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Embedder, Plugin } from '@memvid/core';
import { create } from '@memvid/sdk';
import * as compat from '@memvid/sdk/compat';
import { discoverPlugins, WELL_KNOWN_PLUGINS } from '@memvid/sdk/discover';
import { startService } from '@memvid/plugin-kit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { aliasesOf, EMBEDDING_PLUGINS, modelOf } from '../packages/sdk/src/embedding/models.ts';
import { find } from '../packages/sdk/src/find.ts';
import { vectorMemory } from '../packages/sdk/test/support/vector-memory.ts';
import { runIn } from './support/child.ts';
import { linkedInstallation } from './support/install.ts';
import { root } from './support/places.ts';

afterEach(() => vi.unstubAllEnvs());

/** Packages of embedders that are here, by provider. */
const here = Object.entries(EMBEDDING_PLUGINS).filter(([, { packageName }]) =>
  existsSync(join(root, packageName.replace('@memvid', 'packages'), 'package.json')),
);
const REMOTE = { openai: 'OpenAI', cohere: 'Cohere', voyage: 'Voyage', nvidia: 'Nvidia' } as const;

async function load(packageName: string): Promise<Record<string, unknown>> {
  const built = join(root, packageName.replace('@memvid', 'packages'), 'dist/index.js');
  return (await import(built)) as Record<string, unknown>;
}

describe('the table of packages', () => {
  it('knows the packages that are here', () => {
    expect(here.map(([provider]) => provider)).toEqual(expect.arrayContaining(Object.keys(REMOTE)));
    // And no other: an error must not advise to install what is not there, or is somebody else's.
    expect(here).toHaveLength(Object.keys(EMBEDDING_PLUGINS).length);
    const known = new Set(Object.values(EMBEDDING_PLUGINS).map(({ packageName }) => packageName));
    const unknown = WELL_KNOWN_PLUGINS.filter((name) => name.includes('/embed-') && !known.has(name));
    expect(unknown).toEqual([]);
  });

  it.each(here)('%s: its package makes a plugin by the call the table gives', async (provider, row) => {
    const module = await load(row.packageName);
    const make = module[row.call.replace('()', '')];
    expect(make).toBeTypeOf('function');
    const plugin = (make as () => Plugin)();
    expect(plugin).toMatchObject({ spec: 'plugin/v1', name: row.packageName });
    const readme = readFileSync(
      join(root, row.packageName.replace('@memvid', 'packages'), 'README.md'),
      'utf8',
    );
    for (const key of row.keys) expect(readme).toContain(key);
    const names = Object.keys(plugin.embedders ?? {});
    // Every short name of its models is registered, or made by the factory that bears the provider's name.
    const aliases = names.flatMap((name) => aliasesOf(modelOf(name) ?? { provider, model: name }));
    for (const name of [...names, ...aliases]) expect(modelOf(name)?.provider ?? provider).toBe(provider);
    for (const [name, factory] of Object.entries(plugin.embedders ?? {})) {
      const usual = modelOf(name);
      // `fastembed:…` and `…#int8dyn` are models of their own.
      if (usual === undefined || name === provider || /[:#]/.test(name)) continue;
      expect(await factory()).toMatchObject({ provider, model: usual.model });
    }
  });
});

describe.each(Object.entries(REMOTE))('@memvid/embed-%s', (provider, className) => {
  it('has its factory, its plugin and the class of the reference', async () => {
    const module = await load(`@memvid/embed-${provider}`);
    expect(Object.keys(module).toSorted()).toEqual(
      [`${className}Embeddings`, `${provider}Plugin`, provider].toSorted(),
    );
  });

  it('knows no size of models that are named as members of every object are', async () => {
    const make = (await load(`@memvid/embed-${provider}`))[provider] as (model: string) => Embedder;
    for (const model of ['constructor', '__proto__']) expect(make(model).dimensions).toBeUndefined();
  });

  it('loads no client when it is imported, and is found when it is installed', async () => {
    const folder = linkedInstallation('core', 'sdk', `embed-${provider}`);
    const code = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found; } });
      const { discoverPlugins } = await import('@memvid/sdk/discover');
      const plugins = await discoverPlugins();
      const embedders = Object.entries(plugins[0].embedders).map(([, make]) => make({ apiKey: 'k' }).provider);
      const strange = loaded.filter((url) => url.includes('/node_modules/.pnpm/'));
      console.log(JSON.stringify([plugins.map(({ name }) => name), [...new Set(embedders)], strange]));
    `;
    const { printed, complained } = await runIn(folder, code);
    expect(complained).toBe('');
    expect(JSON.parse(printed)).toEqual([[`@memvid/embed-${provider}`], [provider], []]);
  });

  it('is what the class of the compat entry loads', async () => {
    const service = await startService(({ body }) => {
      const { input, texts } = body as { input?: string[]; texts?: string[] };
      const list = (input ?? texts ?? []).map(() => [0.6, 0.8]);
      const data = list.map((embedding, index) => ({ index, embedding }));
      return { body: { data, embeddings: { float: list }, usage: { total_tokens: 1 } } };
    });
    const folder = linkedInstallation('core', 'sdk', `embed-${provider}`);
    const code = `
      import { ${className}Embeddings, getEmbedder } from '@memvid/sdk/compat';
      const config = { apiKey: 'some-key-0123', model: 'm', baseUrl: ${JSON.stringify(service.url)} };
      const embedder = new ${className}Embeddings(config);
      const before = embedder.dimension;
      const vectors = await embedder.embedDocuments(['a', 'b']);
      const sizes = [before, embedder.dimension];
      console.log(JSON.stringify([vectors.length, sizes, await getEmbedder('${provider}', config).embedQuery('c')]));
    `;
    const { printed, complained } = await runIn(folder, code);
    await service.close();
    expect(complained).toBe('');
    // The first answer tells the size of a model that nobody knows.
    expect(JSON.parse(printed)).toEqual([2, [0, 2], [...Float32Array.of(0.6, 0.8)]]);
    expect(service.requests).toHaveLength(2);
  });

  it('a handle of the compat entry finds it by name and asks for what is missing', async () => {
    const folder = linkedInstallation('core', 'sdk', `embed-${provider}`);
    const key = EMBEDDING_PLUGINS[provider]?.keys[0] ?? '';
    const code = `
      import { create } from '@memvid/sdk/compat';
      import { create as plain } from '@memvid/sdk';
      const report = (error) => [error.code, error.details.reason ?? '', error.message];
      const memory = await create('notes.mv2');
      const found = await memory.put({ text: 'x', embedder: '${provider}' }).catch(report);
      const other = await plain('other.mv2');
      const missing = await other.put({ text: 'x', embedder: '${provider}' }).catch(report);
      await memory.close();
      await other.close();
      console.log(JSON.stringify([found, missing]));
    `;
    const { printed, complained } = await runIn(folder, code, { env: { [key]: '' } });
    expect(complained).toBe('');
    const [found, missing] = JSON.parse(printed) as string[][];
    // It got as far as the key that is not there: the package itself was found.
    expect(found?.[1]).not.toBe('plugin_missing');
    expect(missing?.[1]).toBe('plugin_missing');
    expect(missing?.[2]).toContain(`@memvid/embed-${provider}`);
  });
});

describe('a question in the model of the file', () => {
  const identity = { provider: 'openai', model: 'text-embedding-3-small', dimension: 2, normalized: true };

  it('is embedded by the plugin of that model, at the address of the environment', async () => {
    const service = await startService(() => ({
      body: { data: [{ index: 0, embedding: [3, 4] }], usage: { total_tokens: 1 } },
    }));
    vi.stubEnv('OPENAI_BASE_URL', service.url);
    vi.stubEnv('OPENAI_API_KEY', 'some-key-0123456789');
    vi.stubEnv('MEMVID_OFFLINE', '');
    const { openaiPlugin } = (await load('@memvid/embed-openai')) as {
      openaiPlugin: (options: object) => Plugin;
    };
    const memory = await create(join(mkdtempSync(join(tmpdir(), 'memvid-plugins-')), 'notes.mv2'), {
      plugins: [openaiPlugin({ dimensions: 2 })],
    });
    const docs = [
      { title: 'Lunch', text: 'We eat at noon.', embedding: [1, 0] },
      { title: 'Database', text: 'The data moved to PostgreSQL.', embedding: [0.6, 0.8] },
    ];
    await memory.putMany(docs, { embeddingIdentity: identity });
    const { engine, hits } = await memory.find('Which database?', { mode: 'sem' });
    expect([engine, ...hits.map(({ title }) => title)]).toEqual(['vec', 'Database', 'Lunch']);
    expect(hits[0]?.score).toBeCloseTo(1, 5);
    await memory.close();
    expect(service.requests.map(({ body }) => body)).toEqual([
      {
        model: 'text-embedding-3-small',
        input: ['Which database?'],
        dimensions: 2,
        encoding_format: 'base64',
      },
    ]);
    await service.close();
  });

  it('names the key that is missing, with the plugin and without', async () => {
    vi.stubEnv('OPENAI_API_KEY', '');
    vi.stubEnv('MEMVID_OFFLINE', '');
    const { openaiPlugin } = (await load('@memvid/embed-openai')) as { openaiPlugin: () => Plugin };
    for (const plugins of [[openaiPlugin()], []]) {
      const { handle } = vectorMemory(
        { plugins },
        { dimension: 1536, identity: { ...identity, dimension: 1536 } },
      );
      await expect(find(handle, 'q', { mode: 'sem' })).rejects.toMatchObject({
        code: 'MV015',
        message: expect.stringContaining('OPENAI_API_KEY'),
        suggestion: expect.stringContaining('OPENAI_API_KEY'),
      });
      expect((await find(handle, 'q', { mode: 'auto' })).warnings?.[0]).toContain('OPENAI_API_KEY');
    }
  });
});

describe('@memvid/documents', () => {
  const hooks = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found; } });
  `;

  it('loads a library with the first file that needs it, and not before', async () => {
    const folder = linkedInstallation('core', 'sdk', 'documents');
    const code = `${hooks}
      const { documentsPlugin, parse } = await import('@memvid/documents');
      const libraries = () => [...new Set(loaded.flatMap((url) => /\\.pnpm\\/([^@/]+)@/.exec(url)?.[1] ?? []))].sort();
      documentsPlugin();
      const before = libraries();
      const data = new TextEncoder().encode('<p>Seen</p>');
      const { text } = await parse({ filename: 'a.html', data });
      console.log(JSON.stringify([before, text, libraries()]));
    `;
    const { printed, complained } = await runIn(folder, code);
    expect(complained).toBe('');
    const [before, text, libraries] = JSON.parse(printed) as [string[], string, string[]];
    expect([before, text]).toEqual([[], 'Seen']);
    expect(libraries).toContain('htmlparser2');
    expect(libraries.filter((name) => /yauzl|papaparse|postal-mime/.test(name))).toEqual([]);
  });

  it('names @memvid/pdf where that is not installed', async () => {
    const folder = linkedInstallation('core', 'sdk', 'documents');
    const code = `
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve(name, context, next) {
          if (name !== '@memvid/pdf') return next(name, context);
          throw Object.assign(new Error("Cannot find package '@memvid/pdf'"), { code: 'ERR_MODULE_NOT_FOUND' });
        },
      });
      const { parse } = await import('@memvid/documents');
      const data = new TextEncoder().encode('%PDF-1.7');
      const report = ({ code, name, details, suggestion }) => [code, name, details.package, suggestion];
      console.log(JSON.stringify(await parse({ filename: 'a.pdf', data }).catch(report)));
    `;
    const { printed, complained } = await runIn(folder, code);
    expect(complained).toBe('');
    expect(JSON.parse(printed)).toEqual([
      'MV018',
      'PluginMissingError',
      '@memvid/pdf',
      'Install it: npm install @memvid/pdf',
    ]);
  });

  it('is found when it is installed, by discoverPlugins and by the compat entry', async () => {
    const folder = linkedInstallation('core', 'sdk', 'documents');
    const code = `
      import { writeFileSync } from 'node:fs';
      import { create } from '@memvid/sdk/compat';
      import { create as plain } from '@memvid/sdk';
      import { discoverPlugins } from '@memvid/sdk/discover';
      writeFileSync('a.rtf', String.raw\`{\\rtf1 Words}\`);
      const names = (await discoverPlugins()).map(({ name }) => name);
      const memory = await create('a.mv2');
      const stored = await memory.putFile('a.rtf');
      const other = await plain('b.mv2');
      const missing = await other.putFile('a.rtf').catch(({ code, details }) => [code, details.package]);
      await memory.close();
      await other.close();
      console.log(JSON.stringify([names, stored.type, missing]));
    `;
    const { printed, complained } = await runIn(folder, code);
    expect(complained).toBe('');
    expect(JSON.parse(printed)).toEqual([['@memvid/documents'], 'rtf', ['MV018', '@memvid/documents']]);
  });
});

it('the SDK and its entries load no plugin', async () => {
  const folder = linkedInstallation('core', 'sdk', ...Object.keys(REMOTE).map((name) => `embed-${name}`));
  const code = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found; } });
    for (const entry of ['@memvid/sdk', '@memvid/sdk/compat', '@memvid/sdk/discover', '@memvid/core', '@memvid/core/plugin']) await import(entry);
    const { create } = await import('@memvid/sdk');
    const memory = await create('notes.mv2');
    await memory.put({ text: 'words' });
    await memory.find('words');
    await memory.close();
    console.log(JSON.stringify(loaded.filter((url) => /embed-|plugin-kit|\\/\\.pnpm\\//.test(url))));
  `;
  const { printed, complained } = await runIn(folder, code);
  expect(complained).toBe('');
  expect(JSON.parse(printed)).toEqual([]);
});

it('without packages nothing is found, and nothing fails', async () => {
  expect(await discoverPlugins({ packages: ['@memvid/no-such-package'] })).toEqual([]);
  expect(compat.getEmbedder('hash').provider).toBe('hash');
});
