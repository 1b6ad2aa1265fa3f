import { describe, expect, it } from 'vitest';
import { installModel, LOCAL_MODELS, local, localPlugin } from '../src/index.ts';
import { modelOfName } from '../src/models.ts';
import { COMMIT, startHub } from '../../onnx/test/support/hub.ts';
import { lookUpModel, tokenizerJson } from '../../onnx/test/support/onnx-model.ts';
import { folderOf, meanings, scratch, WORDS } from './support/models.ts';

describe('names of models', () => {
  it.each([
    ['bge-small', 'BAAI/bge-small-en-v1.5'],
    ['BGE-Small', 'BAAI/bge-small-en-v1.5'],
    ['bge-small-en-v1.5', 'BAAI/bge-small-en-v1.5'],
    ['baai/BGE-small-en-v1.5', 'BAAI/bge-small-en-v1.5'],
    ['local:bge-base', 'BAAI/bge-base-en-v1.5'],
    ['nomic', 'nomic-ai/nomic-embed-text-v1.5'],
    ['gte-large', 'thenlper/gte-large'],
    ['all-MiniLM', 'sentence-transformers/all-MiniLM-L6-v2'],
    ['all-minilm-l6-v2', 'sentence-transformers/all-MiniLM-L6-v2'],
    [' all-MiniLM-L6-v2 ', 'sentence-transformers/all-MiniLM-L6-v2'],
  ])('%s is %s', (name, id) => {
    expect(local(name)).toMatchObject({ spec: 'embedder/v1', provider: 'local', model: id, maxBatch: 512 });
  });

  it.each(['', 'bge', 'openai-small', 'fastembed:sentence-transformers/all-MiniLM-L6-v2', 3, null])(
    'refuses %j',
    (name) => {
      expect(() => modelOfName(name)).toThrow(expect.objectContaining({ code: 'MV019' }));
    },
  );

  it('refuses what contradicts itself', () => {
    expect(() => local('all-minilm', { compatibility: 'reference' })).toThrow(/reference/);
    expect(() => local('all-minilm#int8dyn', { variant: 'f32' })).toThrow(/int8dyn/);
  });

  it('the table is whole', () => {
    const names = LOCAL_MODELS.flatMap(({ name, folder, id }) => [name, folder, id]);
    expect(LOCAL_MODELS.map(({ name }) => name)).toEqual([
      'bge-small',
      'bge-base',
      'nomic',
      'gte-large',
      'all-minilm',
    ]);
    expect(new Set(names).size).toBe(names.length - 1); // `gte-large` is both a name and a folder.
    expect(Object.fromEntries(LOCAL_MODELS.map(({ name, dimensions }) => [name, dimensions]))).toEqual({
      'bge-small': 384,
      'bge-base': 768,
      nomic: 768,
      'gte-large': 1024,
      'all-minilm': 384,
    });
  });
});

describe('the plugin', () => {
  it('has every model by every name, makes nothing before it is asked, and hands options on', () => {
    const directory = scratch();
    const { spec, name, version, embedders } = localPlugin({ directory, threads: 1 });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect([spec, name]).toEqual(['plugin/v1', '@memvid/embed-local']);
    for (const model of LOCAL_MODELS) {
      for (const key of [model.name, model.folder, model.id]) {
        expect(embedders[key]?.()).toMatchObject({ provider: 'local', model: model.id });
      }
      expect(embedders[`${model.id}#int8dyn`]?.()).toMatchObject({ model: `${model.id}#int8dyn` });
      const reference = embedders[`fastembed:${model.id}`];
      const made = model.inReference ? { provider: 'fastembed', model: model.id } : undefined;
      expect(reference?.()).toEqual(made === undefined ? undefined : expect.objectContaining(made));
    }
    expect(embedders['local']?.({ model: 'nomic', apiKey: 'for somebody else' })).toMatchObject({
      dimensions: 768,
    });
    expect(embedders['local']?.()).toMatchObject({ dimensions: 384 });
    expect(embedders['nomic']?.({ maxTokens: 100 })).toMatchObject({ maxTokens: 100 });
    expect(() => embedders['nomic']?.({ maxTokens: 'many' })).toThrow(/maxTokens/);
  });
});

describe('installModel', () => {
  it('fetches the files of a model from its repository, which can be used then', async () => {
    const files: Record<string, Buffer> = {
      'onnx/model.onnx': lookUpModel(meanings(384)),
      'tokenizer.json': Buffer.from(tokenizerJson(WORDS)),
      '1_Pooling/config.json': Buffer.from('{"pooling_mode_cls_token":true}'),
      'pytorch_model.bin': Buffer.from('not wanted'),
    };
    const hub = await startHub(files);
    const directory = folderOf('other', {});
    // The server of the test knows one repository.
    const asked: string[] = [];
    const fetching = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
      asked.push(String(url));
      return fetch(String(url).replace('BAAI/bge-small-en-v1.5', 'owner/model'), init);
    };
    const options = { directory, baseUrl: hub.baseUrl, fetch: fetching as typeof fetch };
    const { folder, commit } = await installModel('bge-small', options);
    expect(commit).toBe(COMMIT);
    expect(asked.map((url) => url.replace(hub.baseUrl, ''))).toEqual([
      '/api/models/BAAI/bge-small-en-v1.5/revision/main?blobs=true',
      ...['1_Pooling/config.json', 'tokenizer.json', 'onnx/model.onnx'].map(
        (path) => `/BAAI/bge-small-en-v1.5/resolve/${COMMIT}/${path}`,
      ),
    ]);
    const embedder = local('bge-small', { directory });
    expect(await embedder.describe()).toMatchObject({ path: `${folder}/model.onnx`, pooling: 'cls' });
    expect((await embedder.embed(['red'], { kind: 'query' })).vectors).toHaveLength(1);
    await embedder.close();
    await expect(installModel('bge-small', { ...options, variant: 'int8dyn' })).rejects.toMatchObject({
      code: 'MV015',
      message: expect.stringContaining('onnx/model_quantized.onnx'),
    });
    await expect(installModel('unknown')).rejects.toMatchObject({ code: 'MV019' });
  });
});
