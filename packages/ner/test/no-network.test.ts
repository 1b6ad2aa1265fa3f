import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scratch } from './support/models.ts';

const trap = join(import.meta.dirname, '../../../tests/support/socket-trap.mjs');
const built = join(import.meta.dirname, '../dist/index.js');

const PROGRAM = `
  const { installModel, LocalNER, ner } = await import(process.argv[1]);
  const [directory] = process.argv.slice(2);
  const before = openSockets();
  const [names] = await ner().extract(['Satya Nadella leads Microsoft.']);
  await new LocalNER({ model: 'en-core-web-sm' }).extract('Ann lives in Berlin.');
  const codes = [];
  const refused = (call) => call.then(() => codes.push('done'), (error) => codes.push(error.code));
  await refused(ner('distilbert-ner', { directory }).extract(['x']));
  await refused(new LocalNER({ directory }).extract('x'));
  process.env.MEMVID_OFFLINE = '1';
  await refused(installModel('distilbert-ner', { directory }));
  console.log(JSON.stringify({ names: names.map(({ name }) => name), codes, trapped: globalThis.trappedSockets, opened: openSockets() - before }));
`;

describe('no network', () => {
  it('finding names, missing models and a refused download open no socket; the process ends though nothing was closed', () => {
    const env = { ...process.env, MEMVID_OFFLINE: '', NODE_OPTIONS: `--import ${pathToFileURL(trap)}` };
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, built, scratch()], {
      encoding: 'utf8',
      timeout: 60_000,
      env,
    });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toEqual({
      names: ['Satya Nadella', 'Microsoft'],
      codes: ['MV017', 'MV017', 'MV017'],
      trapped: [],
      opened: 0,
    });
    expect(run.status).toBe(0);
  });
});
