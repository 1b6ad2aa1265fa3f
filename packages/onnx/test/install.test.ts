import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { installModel, type InstallOptions, type InstallProgress, type ModelSource } from '../src/index.ts';
import { fail, failure, scratch } from './support/failure.ts';
import { COMMIT, startHub } from './support/hub.ts';

const NETWORK = Buffer.alloc(300_000, 'weights of a network ');
const TOKENIZER = Buffer.from('{ "version": "1.0" }');
const FILES = {
  'onnx/model.onnx': NETWORK,
  'tokenizer.json': TOKENIZER,
  'README.md': Buffer.from('not wanted'),
};
const SOURCE: ModelSource = {
  folder: 'some-model',
  repository: 'owner/model',
  files: [
    { path: 'tokenizer.json' },
    { path: '1_Pooling/config.json', optional: true },
    { path: 'onnx/model.onnx', as: 'model.onnx' },
  ],
};

function install(options: InstallOptions): Promise<unknown> {
  return installModel(SOURCE, options, fail);
}
function installed(directory: string): string[] {
  const folder = join(directory, 'some-model');
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted() : [];
}

afterEach(() => vi.unstubAllEnvs());

describe('installModel', () => {
  it('fetches the files that are wanted at one commit, reports progress, and leaves nothing else', async () => {
    const directory = scratch();
    const hub = await startHub(FILES);
    const progress: InstallProgress[] = [];
    const result = await installModel(
      SOURCE,
      { directory, baseUrl: `${hub.baseUrl}/`, onProgress: (step) => progress.push(step) },
      fail,
    );
    expect(installed(directory)).toEqual(['model.onnx', 'tokenizer.json']);
    expect(readFileSync(join(directory, 'some-model/model.onnx')).equals(NETWORK)).toBe(true);
    expect(result).toMatchObject({
      folder: join(directory, 'some-model'),
      commit: COMMIT,
      files: [
        { size: TOKENIZER.length, fetched: true },
        { size: NETWORK.length, fetched: true },
      ],
    });
    const total = NETWORK.length + TOKENIZER.length;
    expect(progress.at(-1)).toEqual({ file: 'onnx/model.onnx', done: total, total });
    expect(progress.map(({ done }) => done)).toEqual(
      progress.map(({ done }) => done).toSorted((left, right) => left - right),
    );
    expect(hub.received.map(({ path }) => path)).toEqual([
      '/api/models/owner/model/revision/main?blobs=true',
      `/owner/model/resolve/${COMMIT}/tokenizer.json`,
      `/owner/model/resolve/${COMMIT}/onnx/model.onnx`,
    ]);
  });

  it('fetches nothing that is there already, and again what has changed', async () => {
    const directory = scratch();
    const hub = await startHub(FILES);
    await install({ directory, baseUrl: hub.baseUrl });
    writeFileSync(join(directory, 'some-model/tokenizer.json'), 'changed');
    hub.received.length = 0;
    expect(await installModel(SOURCE, { directory, baseUrl: hub.baseUrl }, fail)).toMatchObject({
      files: [{ fetched: true }, { fetched: false }],
    });
    expect(hub.received).toHaveLength(2);
    expect(readFileSync(join(directory, 'some-model/tokenizer.json')).equals(TOKENIZER)).toBe(true);
  });

  it('goes on where a connection was cut, within the call', async () => {
    const directory = scratch();
    const hub = await startHub(FILES);
    const before = TOKENIZER.length;
    hub.faults.push(
      { kind: 'no-ranges' },
      { kind: 'cut', after: 100_000, noted: before + 100_000 },
      { kind: 'cut', after: 50_000, noted: before + 150_000 },
    );
    await install({ directory, baseUrl: hub.baseUrl, onProgress: ({ done }) => hub.note(done) });
    const parts = hub.received.filter(({ path }) => path.endsWith('model.onnx')).map(({ range }) => range);
    expect(parts).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
    expect(readFileSync(join(directory, 'some-model/model.onnx')).equals(NETWORK)).toBe(true);
  });

  it('goes on in the next call with what the last one left, and begins anew where a server has no ranges', async () => {
    const directory = scratch();
    const hub = await startHub(FILES);
    const nothing = { kind: 'cut', after: 0 } as const;
    const some = { kind: 'cut', after: 120_000, noted: TOKENIZER.length + 120_000 } as const;
    const onProgress = ({ done }: InstallProgress): void => hub.note(done);
    hub.faults.push({ kind: 'no-ranges' }, some, nothing, nothing, nothing);
    const error = await failure(install({ directory, baseUrl: hub.baseUrl, onProgress }));
    expect(error).toMatchObject({ code: 'MV015', details: { reason: 'download', retryable: true } });
    expect(existsSync(join(directory, 'some-model/model.onnx'))).toBe(false);
    hub.received.length = 0;
    await install({ directory, baseUrl: hub.baseUrl });
    // The small file was whole and waited for the large one.
    expect(hub.received.map(({ range }) => range)).toEqual([undefined, 'bytes=120000-']);
    expect(installed(directory)).toEqual(['model.onnx', 'tokenizer.json']);

    const other = scratch();
    hub.faults.push({ kind: 'no-ranges' }, some, { kind: 'no-ranges' });
    await install({ directory: other, baseUrl: hub.baseUrl, onProgress });
    expect(readFileSync(join(other, 'some-model/model.onnx')).equals(NETWORK)).toBe(true);
  });

  it('deletes what does not fit its checksum and leaves the old files as they were', async () => {
    const directory = scratch();
    const hub = await startHub(FILES);
    mkdirSync(join(directory, 'some-model'));
    writeFileSync(join(directory, 'some-model/model.onnx'), 'an older network');
    hub.faults.push({ kind: 'no-ranges' }, { kind: 'other-bytes' });
    const error = await failure(install({ directory, baseUrl: hub.baseUrl }));
    expect(error).toMatchObject({ code: 'MV015', details: { reason: 'checksum' } });
    expect(error.message).toContain('sha256');
    expect(readFileSync(join(directory, 'some-model/model.onnx'), 'utf8')).toBe('an older network');
    expect(installed(directory).filter((name) => name.includes('.part'))).toHaveLength(1);
    await install({ directory, baseUrl: hub.baseUrl });
    expect(installed(directory)).toEqual(['model.onnx', 'tokenizer.json']);
  });

  it('takes the checksum of the caller above that of the hub, and refuses a file that has none', async () => {
    const hub = await startHub(FILES);
    const wrong = { 'onnx/model.onnx': '0'.repeat(64) };
    expect(
      await failure(install({ directory: scratch(), baseUrl: hub.baseUrl, sha256: wrong })),
    ).toMatchObject({
      details: { reason: 'checksum', expected: '0'.repeat(64) },
    });
    const silent = await startHub(FILES, { checksums: false });
    const error = await failure(install({ directory: scratch(), baseUrl: silent.baseUrl }));
    expect(error.details).toMatchObject({ reason: 'checksum', file: 'tokenizer.json' });
    expect(error.suggestion).toContain('sha256');
    expect(silent.received).toHaveLength(1);
  });

  it('says what a server refuses and tries only what may pass', async () => {
    const hub = await startHub(FILES);
    hub.faults.push({ kind: 'status', status: 404 });
    const token = 'hf_0123456789abcdefghij';
    const missing = await failure(install({ directory: scratch(), baseUrl: hub.baseUrl, token }));
    expect(missing).toMatchObject({ code: 'MV015', details: { status: 404 } });
    expect(hub.received.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
    expect(JSON.stringify([missing.message, missing.toJSON()])).not.toContain(token);
    expect(hub.received).toHaveLength(2);

    hub.faults.push({ kind: 'status', status: 503 });
    await install({ directory: scratch(), baseUrl: hub.baseUrl });

    const lost = { ...SOURCE, repository: 'owner/other' };
    expect(
      await failure(installModel(lost, { directory: scratch(), baseUrl: hub.baseUrl }, fail)),
    ).toMatchObject({
      details: { status: 404 },
    });
    const unlisted = { ...SOURCE, files: [{ path: 'onnx/model_quantized.onnx' }] };
    const error = await failure(installModel(unlisted, { directory: scratch(), baseUrl: hub.baseUrl }, fail));
    expect(error.message).toContain('onnx/model_quantized.onnx');
  });

  it('gives up a connection on which nothing comes', async () => {
    const hub = await startHub(FILES);
    hub.faults.push({ kind: 'hang' });
    await install({ directory: scratch(), baseUrl: hub.baseUrl, timeoutMs: 1000 });
    expect(hub.received.filter(({ path }) => path.endsWith('tokenizer.json'))).toHaveLength(2);
  });

  it('ends with the reason of its signal, before and within, and keeps what has arrived', async () => {
    const directory = scratch();
    const hub = await startHub(FILES);
    const reason = new Error('enough');
    await expect(
      install({ directory, baseUrl: hub.baseUrl, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(hub.received).toEqual([]);
    hub.faults.push({ kind: 'no-ranges' }, { kind: 'hang' });
    const controller = new AbortController();
    const call = install({
      directory,
      baseUrl: hub.baseUrl,
      signal: controller.signal,
      onProgress: ({ file }) => {
        if (file === 'onnx/model.onnx') controller.abort(reason);
      },
    });
    await expect(call).rejects.toBe(reason);
    const parts = join(directory, 'some-model/.incoming');
    expect(readdirSync(parts).map((name) => statSync(join(parts, name)).size)).toContain(1);
    await install({ directory, baseUrl: hub.baseUrl });
    expect(installed(directory)).toEqual(['model.onnx', 'tokenizer.json']);
  });

  it.each(['1', 'true', 'YES', ' on '])('sends nothing when MEMVID_OFFLINE is "%s"', async (value) => {
    vi.stubEnv('MEMVID_OFFLINE', value);
    const hub = await startHub(FILES);
    const directory = scratch();
    const error = await failure(install({ directory, baseUrl: hub.baseUrl }));
    expect(error).toMatchObject({ code: 'MV015', details: { reason: 'offline', model: 'some-model' } });
    expect(hub.received).toEqual([]);
    expect(installed(directory)).toEqual([]);
  });

  it('says where it could not connect', async () => {
    const hub = await startHub(FILES);
    const refuse = (): Promise<never> => {
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    };
    const error = await failure(install({ directory: scratch(), baseUrl: hub.baseUrl, fetch: refuse }));
    expect(error.message).toContain('connect ECONNREFUSED');
    expect(error.details).toMatchObject({ reason: 'download', retryable: true });
  });

  it('says when the folder cannot be written', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'some-model'), 'a file in place of the folder');
    const hub = await startHub(FILES);
    const error = await failure(install({ directory, baseUrl: hub.baseUrl }));
    expect(error).toMatchObject({ code: 'MV015', details: { reason: 'file' } });
    expect(hub.received).toHaveLength(1);
  });
});
