import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HashEmbeddings as CoreHash } from '@memvid/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as compat from '../src/compat.ts';
import { discoverPlugins } from '../src/discover.ts';
import { Embedders } from '../src/embedding/embedders.ts';
import * as main from '../src/index.ts';
import { scratch } from './support/memory.ts';

const KEYS = [
  'OPENAI_API_KEY',
  'COHERE_API_KEY',
  'VOYAGE_API_KEY',
  'NVIDIA_API_KEY',
  'GOOGLE_API_KEY',
  'GEMINI_API_KEY',
  'MISTRAL_API_KEY',
  'ANTHROPIC_API_KEY',
  'NVIDIA_EMBEDDING_MODEL',
];
let saved: NodeJS.ProcessEnv;
let script: string | undefined;
beforeEach(() => {
  saved = { ...process.env };
  // The test runner stands where the workspace's own plugins can be seen; an application stands elsewhere.
  [, script] = process.argv;
  process.argv[1] = join(tmpdir(), 'application.mjs');
  for (const name of KEYS) delete process.env[name];
});
afterEach(() => {
  process.env = saved;
  process.argv[1] = script ?? '';
});

describe('@memvid/sdk/compat', () => {
  it('has everything of the main entry and the default export of the reference', () => {
    for (const name of Object.keys(main)) expect(compat).toHaveProperty(name);
    expect(compat.default).toBe(compat.use);
    expect(compat.default.verify).toBe(main.verifyMemvid);
    expect(compat.default.doctor).toBe(main.doctorMemvid);
  });

  it.each([
    ['OpenAIEmbeddings', 'text-embedding-3-small', 1536, 'OPENAI_API_KEY', 'openai'],
    ['CohereEmbeddings', 'embed-english-v3.0', 1024, 'COHERE_API_KEY', 'cohere'],
    ['VoyageEmbeddings', 'voyage-3', 1024, 'VOYAGE_API_KEY', 'voyage'],
    ['NvidiaEmbeddings', 'nvidia/nv-embed-v1', 0, 'NVIDIA_API_KEY', 'nvidia'],
    ['GeminiEmbeddings', 'text-embedding-004', 768, 'GOOGLE_API_KEY', 'gemini'],
    ['MistralEmbeddings', 'mistral-embed', 1024, 'MISTRAL_API_KEY', 'mistral'],
  ] as const)(
    '%s: model, dimension, key, package',
    async (className, model, dimension, variable, provider) => {
      const Provider = compat[className];
      expect(() => new Provider()).toThrow(
        expect.objectContaining({
          code: 'MV015',
          message: expect.stringContaining(variable),
          suggestion: expect.stringContaining(variable),
        }),
      );
      const made = new Provider({ apiKey: 'secret-key-123' });
      expect(made).toMatchObject({ provider, modelName: model, dimension });
      await expect(made.embedQuery('x')).rejects.toMatchObject({
        code: 'MV015',
        message: expect.not.stringContaining('secret-key-123'),
        ...(provider === 'gemini' || provider === 'mistral'
          ? { details: { reason: 'not_in_version' }, suggestion: expect.not.stringContaining('npm install') }
          : { suggestion: expect.stringContaining(`npm install @memvid/embed-${provider}`) }),
      });
      // What could not be loaded is looked for again with the next call.
      const failure = async (): Promise<unknown> => made.embedQuery('x').catch((error: unknown) => error);
      expect(await failure()).not.toBe(await failure());
      process.env[variable] = '';
      expect(() => new Provider()).toThrow(/key/);
      process.env[variable] = 'secret-key-123';
      expect(new Provider().modelName).toBe(model);
    },
  );

  it('keyless providers are made without a key', async () => {
    const ollama = new compat.OllamaEmbeddings();
    expect(ollama).toMatchObject({ modelName: 'nomic-embed-text', dimension: 768 });
    await expect(ollama.embedQuery('x')).rejects.toMatchObject({ details: { reason: 'not_in_version' } });
    expect(new compat.LocalEmbeddings({ model: 'thenlper/gte-large' }).dimension).toBe(1024);
    expect(new compat.LocalEmbeddings({ model: 'constructor' }).dimension).toBe(0);
    expect(new compat.LocalEmbeddings()).toMatchObject({
      modelName: 'bge-small',
      dimension: 384,
      provider: 'local',
    });
  });

  it('getEmbedder takes every name and refuses others with MV019', () => {
    expect(compat.getEmbedder('hash', { dimension: 8 })).toMatchObject({ provider: 'hash', dimension: 8 });
    expect(compat.getEmbedder('LOCAL').provider).toBe('local');
    expect(() => compat.getEmbedder('acme')).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(() => compat.getEmbedder('openai')).toThrow(expect.objectContaining({ code: 'MV015' }));
  });

  it('HashEmbeddings gives the same unit vector for the same text, in every process', async () => {
    const [first, second] = [new compat.HashEmbeddings(), new compat.HashEmbeddings()];
    const [vector] = await first.embedDocuments(['The quick brown fox']);
    expect(vector).toHaveLength(64);
    expect(await second.embedQuery('the QUICK brown fox')).toEqual(vector);
    expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 6);
    expect(await new compat.HashEmbeddings({ seed: 7 }).embedQuery('The quick brown fox')).not.toEqual(
      vector,
    );
    expect(Math.hypot(...(await first.embedQuery('')))).toBeCloseTo(1, 6);
    // The numbers are those of the core's class.
    const { vectors } = await new CoreHash({ dimension: 4 }).embed(['alpha beta']);
    const small = new compat.HashEmbeddings({ dimension: 4 });
    expect(small).toMatchObject({ modelName: 'hash-4', dimension: 4, provider: 'hash' });
    expect(await small.embedQuery('alpha beta')).toEqual(Array.from(vectors[0] ?? []));
    expect(Math.hypot(...(await small.embedQuery('alpha beta')))).toBeCloseTo(1, 6);
  });

  it('CLIP: name and dimension offline, MV016 without the package, MV018 for another provider', async () => {
    const local = compat.getClipProvider('local');
    expect(local).toMatchObject({ name: 'local:mobileclip-s2', dimension: 512 });
    await expect(local.embedText('x')).rejects.toMatchObject({
      code: 'MV016',
      name: 'ClipDisabledError',
      details: { reason: 'clip', model: 'mobileclip-s2' },
    });
    expect(() => compat.getClipProvider('acme')).toThrow(expect.objectContaining({ code: 'MV018' }));
    expect(() => compat.getClipProvider('openai')).toThrow(expect.objectContaining({ code: 'MV015' }));
    expect(compat.clip.CLIP_MODEL_DIMENSIONS['mobileclip-s2']).toBe(512);
  });

  it('entities: name and types offline, MV017 without the package', async () => {
    const local = compat.getEntityExtractor('local');
    expect(local).toMatchObject({
      name: 'local:distilbert-ner',
      entityTypes: ['PERSON', 'ORG', 'LOCATION', 'MISC'],
    });
    expect(compat.entities.LocalNER).toBe(compat.LocalNER);
    expect(compat.getEntityExtractor('local', { model: 'en-core-web-sm' })).toMatchObject({
      name: 'local:en-core-web-sm',
      entityTypes: expect.arrayContaining(['PERSON', 'DATE', 'MONEY']),
    });
    await expect(local.extract('x')).rejects.toMatchObject({
      code: 'MV017',
      name: 'NerModelUnavailableError',
    });
    expect(compat.getEntityExtractor('claude', { apiKey: 'k' }).entityTypes).toContain('PRODUCT');
  });

  it.each([
    'createMemory',
    'listMemories',
    'createProject',
    'listProjects',
    'validateConfig',
    'getAclScopeFromApiKey',
    'syncTickets',
  ] as const)('%s rejects without a request: MV008 without a key, else MV018', async (name) => {
    await expect(compat[name]()).rejects.toMatchObject({ code: 'MV008', name: 'ApiKeyRequiredError' });
    await expect(compat[name]({ apiKey: 'wrong' })).rejects.toMatchObject({ code: 'MV008' });
    await expect(compat[name]({ apiKey: 'mv2_x' })).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringContaining('no control plane'),
    });
  });

  it('has no telemetry', async () => {
    expect(compat.isTelemetryEnabled()).toBe(false);
    await expect(compat.flushAnalytics()).resolves.toBeUndefined();
  });

  it('names models and their dimensions', () => {
    expect(compat.MODEL_DIMENSIONS).toMatchObject({
      'text-embedding-3-large': 3072,
      'voyage-3-lite': 512,
      'gte-large': 1024,
    });
    expect(compat.LOCAL_EMBEDDING_MODELS).toEqual({
      BGE_SMALL: 'bge-small',
      BGE_BASE: 'bge-base',
      NOMIC: 'nomic',
      GTE_LARGE: 'gte-large',
    });
  });
});

describe('discoverPlugins', () => {
  const plugin = { spec: 'plugin/v1', name: 'a' } as const;
  const missing = (name: string): never => {
    throw Object.assign(new Error(`Cannot find package '${name}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  };

  it('gives what is installed and leaves the rest out', async () => {
    const modules: Record<string, unknown> = {
      a: { plugin },
      b: { acmePlugin: () => ({ ...plugin, name: 'b' }), other: () => 1 },
      c: {},
    };
    const load = async (name: string): Promise<unknown> => modules[name] ?? missing(name);
    const found = await discoverPlugins({ packages: ['a', 'b', 'c', 'd'], load });
    expect(found.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(await discoverPlugins()).toEqual([]);
  });

  it('a package that is broken hides no other, and tells whoever asks for its embedders', async () => {
    const load = async (name: string): Promise<unknown> =>
      name === 'a' ? { plugin } : missing('something-else');
    const plugins = await discoverPlugins({ packages: ['@memvid/embed-openai', 'a', 'other'], load });
    expect(plugins.map(({ name }) => name)).toEqual(['@memvid/embed-openai', 'a', 'other']);
    const embedders = new Embedders({ plugins, apiKeys: new Map() });
    for (const name of ['openai-small', 'openai', 'other']) {
      await expect(embedders.named(name)).rejects.toMatchObject({
        code: 'MV015',
        message: expect.stringContaining('something-else'),
        details: { reason: 'plugin_broken' },
        cause: { code: 'ERR_MODULE_NOT_FOUND' },
      });
    }
  });

  it('and whoever asks it to read a document', async () => {
    const load = async (): Promise<unknown> => missing('something-else');
    const plugins = await discoverPlugins({ packages: ['@memvid/documents'], load });
    await using memory = await main.create(join(scratch(), 'memory.mv2'), { plugins });
    const file = join(scratch(), 'a.docx');
    writeFileSync(file, 'no document');
    await expect(memory.putFile(file)).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringContaining('something-else'),
      details: { reason: 'plugin_broken', package: '@memvid/documents' },
      suggestion: expect.stringContaining('npm install @memvid/documents'),
    });
  });
});
