import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  defaultThreads,
  filesIn,
  modelsDirectory,
  NETWORK_FILES,
  readJson,
  sha256Of,
  weightFormatOf,
} from '../src/index.ts';
import { fail, scratch } from './support/failure.ts';
import {
  dynamicModel,
  FLOAT16,
  FLOAT,
  INT8,
  lookUpModel,
  onnxModel,
  weightOnlyModel,
} from './support/onnx-model.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the folder of models', () => {
  it.each([
    [undefined, undefined, join(homedir(), '.memvid/models')],
    [undefined, '', join(homedir(), '.memvid/models')],
    [undefined, '~/models', join(homedir(), 'models')],
    [undefined, '~', homedir()],
    [undefined, '/data/models', resolve('/data/models')],
    [undefined, 'models', resolve('models')],
    [undefined, '~other/models', resolve('~other/models')],
    ['/given', '/data/models', resolve('/given')],
    ['~/given', undefined, join(homedir(), 'given')],
  ])('given %j and MEMVID_MODELS_DIR %j it is %s', (given, variable, expected) => {
    vi.stubEnv('MEMVID_MODELS_DIR', variable);
    expect(modelsDirectory(given)).toBe(expected);
  });

  it('files are found in the order of their names, and folders are none', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'model_quantized.onnx'), '');
    writeFileSync(join(folder, 'model.onnx'), '');
    expect(await filesIn(folder, NETWORK_FILES)).toEqual([
      join(folder, 'model.onnx'),
      join(folder, 'model_quantized.onnx'),
    ]);
    expect(await filesIn(join(folder, '..'), [folder.slice(folder.lastIndexOf('/') + 1)])).toEqual([]);
  });

  it('JSON that is damaged is an error, JSON that is absent is not', async () => {
    const folder = scratch();
    expect(await readJson(join(folder, 'config.json'), fail)).toBeUndefined();
    for (const text of ['{', '[1]', '3']) {
      writeFileSync(join(folder, 'config.json'), text);
      await expect(readJson(join(folder, 'config.json'), fail)).rejects.toMatchObject({
        code: 'MV015',
        details: { reason: 'invalid_model' },
      });
    }
  });
});

describe('the format of weights', () => {
  const table = [[1, 2]];
  const empty = { tables: [], inputs: [], outputs: [] };
  const node = (kind: string): Buffer =>
    onnxModel({ ...empty, nodes: [{ kind, inputs: ['a'], outputs: ['b'] }] });
  const half = { name: 't', type: FLOAT16, dims: [1], data: Uint16Array.of(0) };
  it.each([
    ['f32', lookUpModel(table)],
    ['int8dyn', dynamicModel(table)],
    ['int8w', weightOnlyModel(table, 1)],
    [
      'f16',
      onnxModel({ ...empty, nodes: [{ kind: 'Cast', inputs: ['t'], outputs: ['b'] }], tables: [half] }),
    ],
    ['other', node('MatMulNBits')],
    ['other', node('QLinearMatMul')],
    ['int8dyn', node('QAttention')],
  ])('%s', async (format, file) => {
    const path = join(scratch(), 'model.onnx');
    writeFileSync(path, file);
    expect(await weightFormatOf(path, fail)).toBe(format);
  });

  it('large tables are stepped over', async () => {
    const path = join(scratch(), 'model.onnx');
    const large = { name: 'large', type: FLOAT, dims: [300_000], data: new Float32Array(300_000) };
    const small = { name: 'small', type: INT8, dims: [1], data: Int8Array.of(1) };
    const nodes = [{ kind: 'DequantizeLinear', inputs: ['small'], outputs: ['b'] }];
    writeFileSync(path, onnxModel({ ...empty, nodes, tables: [large, small, large] }));
    expect(await weightFormatOf(path, fail)).toBe('int8w');
  });

  it('what is no network, or cut off, is refused', async () => {
    const path = join(scratch(), 'model.onnx');
    const whole = lookUpModel(table);
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n';
    for (const file of [Buffer.from(pointer), whole.subarray(0, 60), Buffer.alloc(0)]) {
      writeFileSync(path, file);
      await expect(weightFormatOf(path, fail)).rejects.toMatchObject({
        code: 'MV015',
        details: { reason: 'invalid_model', path },
      });
    }
    await expect(weightFormatOf(join(path, 'x'), fail)).rejects.toMatchObject({
      details: { reason: 'file' },
    });
  });

  it('no bytes make it hang or run out of memory', async () => {
    const path = join(scratch(), 'model.onnx');
    const whole = lookUpModel([
      [1, 2],
      [3, 4],
    ]);
    let state = 7;
    for (let round = 0; round < 200; round += 1) {
      const file = Buffer.from(whole);
      for (let change = 0; change < 3; change += 1) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        file[state % file.length] = (state >>> 16) & 0xff;
      }
      writeFileSync(path, file);
      const outcome = await weightFormatOf(path, fail).catch((error: { code?: unknown }) => error.code);
      expect(['f32', 'f16', 'int8w', 'int8dyn', 'other', 'MV015']).toContain(outcome);
    }
  });
});

describe('the checksum of a file', () => {
  it('is that of what the file holds now', async () => {
    const path = join(scratch(), 'file');
    writeFileSync(path, 'abc');
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await Promise.all([sha256Of(path, fail), sha256Of(path, fail)])).toEqual([abc, abc]);
    writeFileSync(path, 'abcd');
    expect(await sha256Of(path, fail)).not.toBe(abc);
    await expect(sha256Of(`${path}.missing`, fail)).rejects.toMatchObject({ code: 'MV015' });
  });
});

describe('threads', () => {
  it.each([
    [1, 'x64', 1],
    [2, 'x64', 2],
    [4, 'x64', 4],
    [6, 'x64', 4],
    [16, 'x64', 8],
    [10, 'arm64', 10],
    [0, 'arm64', 1],
  ])('of %i processors on %s: %i', (processors, architecture, expected) => {
    expect(defaultThreads(processors, architecture)).toBe(expected);
  });
});
