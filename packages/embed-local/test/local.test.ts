import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../onnx/test/support/failure.ts';
import { dynamicModel, lookUpModel, onnxModel, weightOnlyModel } from '../../onnx/test/support/onnx-model.ts';
import { LocalEmbeddings, local, type LocalEmbedder, type LocalOptions, type Runtime } from '../src/index.ts';
import { difference, expected, folderOf, idsOf, meanings, scratch } from './support/models.ts';

async function vectorsOf(
  embedder: LocalEmbedder,
  texts: readonly string[],
  kind: 'document' | 'query' = 'document',
): Promise<readonly Float32Array[]> {
  return (await embedder.embed(texts, { kind })).vectors;
}
const POOLING = (mode: 'cls_token' | 'mean_tokens' | 'max_tokens'): string =>
  JSON.stringify({
    word_embedding_dimension: 4,
    pooling_mode_cls_token: mode === 'cls_token',
    pooling_mode_mean_tokens: mode === 'mean_tokens',
    pooling_mode_max_tokens: mode === 'max_tokens',
    include_prompt: true,
  });
const small = meanings(384);
const SMALL = { 'model.onnx': lookUpModel(small) };

afterEach(() => vi.unstubAllEnvs());

describe('pooling and prefixes', () => {
  it.each([
    ['bge-small', 'bge-small-en-v1.5', 384, 'cls', ['represent', 'this', 'x', 'x', 'x', 'x', 'x', ':'], []],
    ['bge-base', 'bge-base-en-v1.5', 768, 'cls', ['represent', 'this', 'x', 'x', 'x', 'x', 'x', ':'], []],
    [
      'nomic',
      'nomic-embed-text-v1.5',
      768,
      'mean',
      ['search', '_', 'query', ':'],
      ['search', '_', 'document', ':'],
    ],
    ['gte-large', 'gte-large', 1024, 'mean', [], []],
    ['all-minilm', 'all-minilm-l6-v2', 384, 'mean', [], []],
  ] as const)('%s', async (name, folder, dimensions, pooling, query, document) => {
    const table = meanings(dimensions);
    const directory = folderOf(folder, { 'onnx/model.onnx': lookUpModel(table) });
    const embedder = local(name, { directory });
    expect(embedder.dimensions).toBe(dimensions);
    for (const [kind, prefix] of [
      ['query', query],
      ['document', document],
    ] as const) {
      const [vector] = await vectorsOf(embedder, ['red blue green'], kind);
      const ids = idsOf(...prefix, 'red', 'blue', 'green');
      expect(difference(vector ?? [], expected(table, ids, pooling))).toBeLessThan(1e-6);
    }
    expect(await embedder.describe()).toMatchObject({
      pooling,
      dimensions,
      variant: 'f32',
      normalized: true,
    });
    await embedder.close();
  });

  it('what the folder says of pooling stands above the table, in its older form and its newer one', async () => {
    const ids = idsOf('red', 'blue');
    for (const [file, pooling] of [
      [POOLING('mean_tokens'), 'mean'],
      [POOLING('cls_token'), 'cls'],
      ['{"pooling_mode":"mean","embedding_dimension":384}', 'mean'],
    ] as const) {
      const directory = folderOf('bge-small-en-v1.5', { ...SMALL, '1_Pooling/config.json': file });
      const embedder = local('bge-small', { directory });
      const [vector] = await vectorsOf(embedder, ['red blue']);
      expect(difference(vector ?? [], expected(small, ids, pooling))).toBeLessThan(1e-6);
      await embedder.close();
    }
    for (const file of [POOLING('max_tokens'), '{"pooling_mode":"lasttoken"}', '{}']) {
      const directory = folderOf('bge-small-en-v1.5', { ...SMALL, '1_Pooling/config.json': file });
      const error = await failure(vectorsOf(local('bge-small', { directory }), ['red']));
      expect(error).toMatchObject({ code: 'MV015', details: { reason: 'invalid_model' } });
    }
  });

  it('padding does not count, whatever stands beside a text', async () => {
    const directory = folderOf('gte-large', { 'model.onnx': lookUpModel(meanings(1024)) });
    const embedder = local('gte-large', { directory, batchTokens: 64 });
    const texts = ['red', 'red blue green red blue green red', '', 'green blue'];
    const together = await vectorsOf(embedder, texts);
    for (const [index, text] of texts.entries()) {
      const [alone] = await vectorsOf(embedder, [text]);
      expect(difference(together[index] ?? [], alone ?? [])).toBe(0);
      const words = text.split(' ').filter(Boolean);
      expect(difference(alone ?? [], expected(meanings(1024), idsOf(...words), 'mean'))).toBeLessThan(1e-6);
    }
    await embedder.close();
  });

  it('a thousand texts come back in their order', async () => {
    const directory = folderOf('all-minilm-l6-v2', SMALL);
    const embedder = local('all-minilm', { directory });
    const texts = Array.from({ length: 1300 }, (_, index) =>
      Array.from(
        { length: 1 + ((index * 7) % 40) },
        (_unused, word) => ['red', 'green', 'blue'][(index + word) % 3],
      ).join(' '),
    );
    const vectors = await vectorsOf(embedder, texts);
    texts.forEach((text, index) => {
      const wanted = expected(small, idsOf(...text.split(' ')), 'mean');
      expect(difference(vectors[index] ?? [], wanted)).toBeLessThan(1e-6);
    });
    await embedder.close();
  });
});

describe('the limit of tokens', () => {
  const long = 'red '.repeat(100);
  async function truncated(
    options: LocalOptions,
    files: Record<string, string> = {},
  ): Promise<[number, number]> {
    const directory = folderOf('all-minilm-l6-v2', { ...SMALL, ...files });
    const embedder = local('all-minilm', { ...options, directory });
    const { usage } = await embedder.embed([long, 'red'], { kind: 'document' });
    const { maxTokens } = await embedder.describe();
    await embedder.close();
    expect(usage.truncated).toBe(maxTokens < 102 ? 1 : 0);
    expect(usage.tokens).toBe(Math.min(maxTokens, 102) + 3);
    return [maxTokens, usage.truncated];
  }
  it('is that of the table, unless the folder or the caller has a lower one; tokenizer.json has no say', async () => {
    expect(await truncated({})).toEqual([256, 0]);
    expect(await truncated({}, { 'sentence_bert_config.json': '{"max_seq_length":64}' })).toEqual([64, 1]);
    expect(await truncated({}, { 'sentence_bert_config.json': '{"max_seq_length":8192}' })).toEqual([256, 0]);
    expect(await truncated({}, { 'sentence_bert_config.json': '{"max_seq_length":null}' })).toEqual([256, 0]);
    expect(await truncated({}, { 'config.json': '{"max_position_embeddings":128}' })).toEqual([128, 0]);
    expect(await truncated({ maxTokens: 10 })).toEqual([10, 1]);
    expect(await truncated({ maxTokens: 512 }, { 'config.json': '{"max_position_embeddings":512}' })).toEqual(
      [512, 0],
    );
  });
  it('cannot be more than the model has positions', async () => {
    const directory = folderOf('all-minilm-l6-v2', {
      ...SMALL,
      'config.json': '{"max_position_embeddings":512}',
    });
    const error = await failure(vectorsOf(local('all-minilm', { directory, maxTokens: 513 }), ['red']));
    expect(error).toMatchObject({ code: 'MV019', details: { argument: 'maxTokens' } });
  });
});

describe('variants', () => {
  it('the first network that is not dynamically quantised is taken, by what it is and not by its name', async () => {
    const directory = folderOf('all-minilm-l6-v2', {
      'model.onnx': dynamicModel(small),
      'model_quantized.onnx': weightOnlyModel(small, 1 / 64),
    });
    const embedder = local('all-minilm', { directory });
    expect(await embedder.describe()).toMatchObject({
      variant: 'int8w',
      path: join(directory, 'all-minilm-l6-v2/model_quantized.onnx'),
    });
  });
  it('a dynamically quantised network has to be asked for, and is another model', async () => {
    const directory = folderOf('all-minilm-l6-v2', { 'onnx/model_quantized.onnx': dynamicModel(small) });
    const error = await failure(vectorsOf(local('all-minilm', { directory }), ['red']));
    expect(error).toMatchObject({ code: 'MV015', details: { reason: 'variant', found: ['int8dyn'] } });
    expect(error.suggestion).toContain("variant: 'int8dyn'");
    for (const embedder of [
      local('all-minilm', { directory, variant: 'int8dyn' }),
      local('sentence-transformers/all-MiniLM-L6-v2#int8dyn', { directory }),
    ]) {
      expect(embedder.model).toBe('sentence-transformers/all-MiniLM-L6-v2#int8dyn');
      // The scale of a batch would show in the vectors of its texts.
      const texts = ['red', 'green blue red', 'blue'];
      const together = await vectorsOf(embedder, texts);
      for (const [index, text] of texts.entries()) {
        expect(difference(together[index] ?? [], (await vectorsOf(embedder, [text]))[0] ?? [])).toBe(0);
      }
      await embedder.close();
    }
  });
  it('a variant that is not there is an error that lists what is', async () => {
    const directory = folderOf('all-minilm-l6-v2', SMALL);
    const error = await failure(vectorsOf(local('all-minilm', { directory, variant: 'int8w' }), ['red']));
    expect(error.details).toMatchObject({ reason: 'variant', found: ['f32'], wanted: 'int8w' });
  });
});

describe('compatibility with the reference', () => {
  it.each(['bge-small', 'bge-base', 'nomic', 'gte-large'])(
    '%s: first token, no prefixes, 512 tokens, its identity',
    async (name) => {
      const plain = local(name);
      const folder =
        { 'bge-small': 'bge-small-en-v1.5', 'bge-base': 'bge-base-en-v1.5', nomic: 'nomic-embed-text-v1.5' }[
          name
        ] ?? name;
      const table = meanings(plain.dimensions);
      const directory = folderOf(folder, {
        'model.onnx': lookUpModel(table),
        '1_Pooling/config.json': POOLING('mean_tokens'),
        'sentence_bert_config.json': '{"max_seq_length":64}',
      });
      for (const embedder of [
        local(name, { directory, compatibility: 'reference' }),
        local(`fastembed:${plain.model}`, { directory }),
      ]) {
        expect([embedder.provider, embedder.model, embedder.maxTokens]).toEqual([
          'fastembed',
          plain.model,
          512,
        ]);
        for (const kind of ['query', 'document'] as const) {
          const [vector] = await vectorsOf(embedder, ['red blue'], kind);
          expect(difference(vector ?? [], expected(table, idsOf('red', 'blue'), 'cls'))).toBeLessThan(1e-6);
        }
        expect(await embedder.describe()).toMatchObject({
          pooling: 'cls',
          maxTokens: 512,
          provider: 'fastembed',
        });
        await embedder.close();
      }
    },
  );
});

describe('a model that is not there', () => {
  it('fails with MV015: where it was looked for, what belongs there, how to get it; and is found once it is there', async () => {
    const directory = scratch();
    const embedder = local('bge-small', { directory });
    const error = await failure(vectorsOf(embedder, ['red']));
    const folder = join(directory, 'bge-small-en-v1.5');
    expect(error).toMatchObject({
      code: 'MV015',
      details: {
        provider: 'local',
        model: 'BAAI/bge-small-en-v1.5',
        reason: 'missing_model',
        directory: folder,
        missing: ['model.onnx', 'tokenizer.json'],
        expected: expect.arrayContaining(['tokenizer.json']),
      },
    });
    expect(error.message).toContain(folder);
    expect(error.suggestion).toContain("await installModel('bge-small')");
    expect(error.suggestion).toContain('MEMVID_MODELS_DIR');
    expect(await failure(embedder.describe())).toMatchObject({ code: 'MV015' });

    const there = folderOf('bge-small-en-v1.5', SMALL);
    vi.stubEnv('MEMVID_MODELS_DIR', there);
    const byVariable = local('bge-small');
    expect(await vectorsOf(byVariable, ['red'])).toHaveLength(1);
    rmSync(join(there, 'bge-small-en-v1.5/tokenizer.json'));
    await byVariable.close();
    const second = await failure(vectorsOf(byVariable, ['red']));
    expect(second.details).toMatchObject({ missing: ['tokenizer.json'] });
    expect(second.message).toMatch(/there is no tokenizer\.json in/);
  });
  it('is looked for in the home folder when nothing else is said', async () => {
    vi.stubEnv('MEMVID_MODELS_DIR', '');
    vi.stubEnv('HOME', scratch());
    const error = await failure(vectorsOf(local('gte-large'), ['red']));
    expect(error.details?.['directory']).toBe(join(homedir(), '.memvid/models/gte-large'));
  });
});

describe('networks that are not what they should be', () => {
  const value = { name: 'x', type: 1, dims: ['batch', 'sequence', 384] };
  it.each([
    ['vectors of another size', lookUpModel(meanings(12)), /vectors of 12 numbers, and the model has 384/],
    ['no network', Buffer.from('version https://git-lfs.github.com/spec/v1'), /not a network/],
    ['cut off', lookUpModel(small).subarray(0, 5000), /not a network/],
    [
      'an unknown input',
      onnxModel({
        nodes: [{ kind: 'Identity', inputs: ['x'], outputs: ['last_hidden_state'] }],
        tables: [],
        inputs: [value],
        outputs: [{ ...value, name: 'last_hidden_state' }],
      }),
      /asks for x/,
    ],
    [
      'no vectors of tokens',
      onnxModel({
        nodes: [{ kind: 'Identity', inputs: ['x'], outputs: ['y'] }],
        tables: [],
        inputs: [{ ...value, dims: [1] }],
        outputs: [{ ...value, name: 'y', dims: [1] }],
      }),
      /no vectors of tokens/,
    ],
    [
      'not a number',
      lookUpModel(small.map((row) => row.map(() => Number.NaN))),
      /no usable vector for texts\[0\]/,
    ],
    ['nothing but zeros', lookUpModel(small.map((row) => row.map(() => 0))), /no usable vector/],
    ['too few rows', lookUpModel(small.slice(0, 3)), /could not be run/],
  ])('%s', async (_name, file, message) => {
    const directory = folderOf('all-minilm-l6-v2', { 'model.onnx': file });
    const embedder = local('all-minilm', { directory });
    const error = await failure(vectorsOf(embedder, ['red']));
    expect(error.code).toBe('MV015');
    expect(error.message).toMatch(message);
    await embedder.close();
  });
  it('a damaged tokenizer or configuration', async () => {
    for (const file of [
      'tokenizer.json',
      'config.json',
      '1_Pooling/config.json',
      'sentence_bert_config.json',
    ]) {
      const directory = folderOf('all-minilm-l6-v2', { ...SMALL, [file]: '{ "' });
      const error = await failure(vectorsOf(local('all-minilm', { directory }), ['red']));
      expect(error).toMatchObject({ code: 'MV015', details: { reason: 'invalid_model' } });
      expect(error.message).toContain(file);
    }
  });
});

describe('lives and options', () => {
  it('loads once for calls at the same time, waits for them when it is closed, and loads again', async () => {
    const directory = folderOf('all-minilm-l6-v2', SMALL);
    let opened = 0;
    let closed = 0;
    const runtime: Runtime = {
      name: 'ones',
      async open() {
        opened += 1;
        return {
          inputs: [{ name: 'input_ids', type: 'int32', dims: ['b', 's'] }],
          outputs: [{ name: 'token_embeddings', type: 'float32', dims: ['b', 's', 384] }],
          usable: true,
          async run({ input_ids: ids }) {
            await new Promise((resolve) => setImmediate(resolve));
            const dims = [...(ids?.dims ?? []), 384];
            const data = new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(
              closed === 0 ? 1 : -1,
            );
            return { token_embeddings: { type: 'float32', dims, data } };
          },
          async close() {
            closed += 1;
          },
        };
      },
    };
    const embedder = local('all-minilm', { directory, runtime });
    const calls = ['red', 'blue', 'green'].map((text) => vectorsOf(embedder, [text]));
    await embedder.close();
    expect([opened, closed]).toEqual([1, 1]);
    for (const [vector] of await Promise.all(calls)) expect(vector?.[0]).toBeCloseTo(1 / Math.sqrt(384), 6);
    await vectorsOf(embedder, ['red']);
    expect(opened).toBe(2);
    await embedder.close();
    await embedder.close();
    expect(closed).toBe(2);
  });

  it('no texts: no model is needed', async () => {
    const result = await local('bge-small', { directory: scratch() }).embed([], { kind: 'query' });
    expect(result).toEqual({ vectors: [], usage: { tokens: 0, truncated: 0 } });
  });

  it.each([
    ['texts[1]', ['red', 3]],
    ['texts', 'red'],
  ])('refuses %s', async (argument, texts) => {
    const error = await failure(local().embed(texts as string[], { kind: 'query' }));
    expect(error).toMatchObject({ code: 'MV019', details: { argument } });
  });

  it('refuses a text that is for neither of the two', async () => {
    const call = local().embed(['red'], { kind: 'passage' as 'query' });
    expect(await failure(call)).toMatchObject({ code: 'MV019', details: { argument: 'kind' } });
  });

  it.each([
    [{ directory: ' ' }, 'directory'],
    [{ variant: 'int4' }, 'variant'],
    [{ maxTokens: 2 }, 'maxTokens'],
    [{ threads: 0 }, 'threads'],
    [{ batchTokens: 1.5 }, 'batchTokens'],
    [{ compatibility: 'yes' }, 'compatibility'],
    [{ runtime: {} }, 'runtime'],
    ['x', 'options'],
  ])('refuses the options %j', (options, argument) => {
    expect(() => local('bge-small', options as LocalOptions)).toThrow(
      expect.objectContaining({ code: 'MV019', details: expect.objectContaining({ argument }) }),
    );
  });

  it('the class of the reference gives plain arrays', async () => {
    const directory = folderOf('all-minilm-l6-v2', SMALL);
    const embedder = new LocalEmbeddings({ model: 'all-minilm', directory, dimension: 384 });
    expect(embedder).toMatchObject({
      provider: 'local',
      modelName: 'sentence-transformers/all-MiniLM-L6-v2',
      dimension: 384,
    });
    const [vector] = await embedder.embedDocuments(['red blue']);
    expect(Array.isArray(vector)).toBe(true);
    expect(difference(vector ?? [], await embedder.embedQuery('red blue'))).toBe(0);
    expect(await embedder.describe()).toMatchObject({ variant: 'f32' });
    await embedder.close();
    expect(new LocalEmbeddings().modelName).toBe('BAAI/bge-small-en-v1.5');
    expect(() => new LocalEmbeddings({ dimension: 768 })).toThrow(/dimension/);
    expect(() => new LocalEmbeddings({ model: 'text-embedding-3-small' })).toThrow(/bge-small/);
  });

  it('a network that is put in place of another is seen after close', async () => {
    const directory = folderOf('all-minilm-l6-v2', SMALL);
    const embedder = local('all-minilm', { directory });
    const [before] = await vectorsOf(embedder, ['red']);
    const other = meanings(384).toReversed();
    writeFileSync(join(directory, 'all-minilm-l6-v2/model.onnx'), lookUpModel(other));
    await embedder.close();
    const [after] = await vectorsOf(embedder, ['red']);
    expect(difference(after ?? [], expected(other, idsOf('red'), 'mean'))).toBeLessThan(1e-6);
    expect(difference(after ?? [], before ?? [])).toBeGreaterThan(0.01);
    await embedder.close();
    expect(readFileSync(join(directory, 'all-minilm-l6-v2/tokenizer.json')).length).toBeGreaterThan(0);
  });
});
