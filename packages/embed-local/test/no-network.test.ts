import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lookUpModel } from '../../onnx/test/support/onnx-model.ts';
import { folderOf, meanings } from './support/models.ts';

const trap = join(import.meta.dirname, '../../../tests/support/socket-trap.mjs');
const entry = join(import.meta.dirname, '../src/index.ts');

const PROGRAM = `
  const { local, installModel, LocalEmbeddings } = await import(process.argv[1]);
  const [directory] = process.argv.slice(2);
  const before = openSockets();
  const embedder = local('all-minilm', { directory });
  const { vectors } = await embedder.embed(['red', 'green blue'], { kind: 'document' });
  await embedder.embed(['red'], { kind: 'query' });
  await new LocalEmbeddings({ model: 'all-minilm', directory }).embedQuery('red');
  await embedder.describe();
  const codes = [];
  const refused = (call) => call.then(() => codes.push('done'), (error) => codes.push(error.code));
  await refused(local('nomic', { directory }).embed(['red'], { kind: 'query' }));
  await refused(local('nomic', { directory }).describe());
  process.env.MEMVID_OFFLINE = '1';
  await refused(installModel('nomic', { directory }));
  console.log(JSON.stringify({ vectors: vectors.length, codes, trapped: globalThis.trappedSockets, opened: openSockets() - before }));
`;

describe('no network', () => {
  it('embedding, missing models and a refused download open no socket; the process ends though nothing was closed', () => {
    const directory = folderOf('all-minilm-l6-v2', { 'model.onnx': lookUpModel(meanings(384)) });
    // The built package, as an application has it: Node does not load these sources from \`.js\` names.
    const built = entry.replace('src/index.ts', 'dist/index.js');
    // The thread that computes takes over what stands in NODE_OPTIONS, and no flags.
    const env = { ...process.env, MEMVID_OFFLINE: '', NODE_OPTIONS: `--import ${pathToFileURL(trap)}` };
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, built, directory], {
      encoding: 'utf8',
      timeout: 60_000,
      env,
    });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toEqual({
      vectors: 2,
      codes: ['MV015', 'MV015', 'MV015'],
      trapped: [],
      opened: 0,
    });
    expect(run.status).toBe(0);
  });
});
