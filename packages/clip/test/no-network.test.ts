import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MISSING, scratch, SHARED, TOY } from './support/models.ts';

const trap = join(import.meta.dirname, '../../../tests/support/socket-trap.mjs');
// The built package, as an application has it: Node does not load these sources from `.js` names.
const built = join(import.meta.dirname, '../dist/index.js');

const PROGRAM = `
  const { readFileSync } = await import('node:fs');
  const before = openSockets();
  const { clip, installModel, LocalClip } = await import(process.argv[1]);
  const [folder, photograph, nowhere] = process.argv.slice(2);
  const loaded = process.report.getReport().sharedObjects.filter((name) => /sharp|onnxruntime/.test(name)).length;
  const model = clip('toy', { folder });
  const images = await model.embedImages([{ data: readFileSync(photograph) }]);
  const texts = await model.embedTexts(['a photo']);
  const codes = [];
  const refused = (call) => call.then(() => codes.push('done'), (error) => codes.push(error.code));
  await refused(clip('mobileclip-s2', { directory: nowhere }).embedTexts(['a']));
  await refused(new LocalClip({ directory: nowhere }).embedImage(photograph));
  process.env.MEMVID_OFFLINE = '1';
  await refused(installModel('mobileclip-s2', { directory: nowhere }));
  console.log(JSON.stringify({ vectors: images.vectors.length + texts.vectors.length, codes, loaded, trapped: globalThis.trappedSockets, opened: openSockets() - before }));
  if (process.argv[5] === 'exit') {
    model.embedImages(Array.from({ length: 8 }, () => ({ data: readFileSync(photograph) })));
    setTimeout(() => process.exit(0), Number(process.argv[6]));
  }
`;

function run(...more: string[]): ReturnType<typeof spawnSync> {
  // The threads take over what stands in NODE_OPTIONS, and no flags.
  const env = { ...process.env, MEMVID_OFFLINE: '', NODE_OPTIONS: `--import ${pathToFileURL(trap)}` };
  const photograph = join(SHARED, 'clip-preprocess/china.jpg');
  const given = [built, TOY, photograph, scratch(), ...more];
  return spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, ...given], {
    encoding: 'utf8',
    timeout: 60_000,
    env,
  });
}

describe.skipIf(MISSING !== undefined)('no network', () => {
  it('vectors, missing models and a refused download open no socket; importing loads no library; the process ends though nothing was closed', () => {
    const { stderr, stdout, status } = run();
    expect(stderr).toBe('');
    expect(JSON.parse(String(stdout))).toEqual({
      vectors: 2,
      codes: ['MV016', 'MV016', 'MV016'],
      loaded: 0,
      trapped: [],
      opened: 0,
    });
    expect(status).toBe(0);
  });

  it('a process that ends while pictures are read and computed ends well', () => {
    for (const moment of [0, 20]) {
      const { stderr, status, signal } = run('exit', String(moment));
      expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
    }
  });
});
