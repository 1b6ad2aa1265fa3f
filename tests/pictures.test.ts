import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linkedInstallation } from './support/install.ts';
import { paper, root } from './support/places.ts';
import { leftOut } from './support/workspace.ts';

/** In a folder with the packages. Links are followed, as Node does by itself: `sharp` finds what it needs only from its real place. */
function program(packages: readonly string[], code: string, ...words: string[]): unknown {
  const folder = linkedInstallation(...packages);
  writeFileSync(join(folder, 'program.mjs'), code);
  const trap = join(root, 'tests/support/socket-trap.mjs');
  const run = spawnSync(process.execPath, ['--import', trap, 'program.mjs', ...words], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, MEMVID_MODELS_DIR: join(folder, 'models') },
  });
  expect(run.stderr).toBe('');
  return JSON.parse(run.stdout);
}

const ALL = ['core', 'sdk', 'onnx', 'clip'];

describe('@memvid/clip beside the SDK', () => {
  it('is discovered, and the class of the compat entry loads it', () => {
    const code = `
      import { discoverPlugins } from '@memvid/sdk/discover';
      import { getClipProvider } from '@memvid/sdk/compat';
      const plugins = await discoverPlugins();
      const local = getClipProvider('local');
      const { code, details } = await local.embedText('a cat').catch((error) => error);
      const other = await getClipProvider('openai', { apiKey: 'key' }).embedText('a cat').catch((error) => error);
      console.log(JSON.stringify([plugins.map(({ name }) => name), local.name, local.dimension, code, details.reason, details.cause, other.code]));
    `;
    expect(program(ALL, code)).toEqual([
      ['@memvid/clip'],
      'local:mobileclip-s2',
      512,
      'MV016',
      'clip',
      'missing_model',
      'MV018',
    ]);
  });

  it('is named with the way to get it where it is not installed', () => {
    const code = `
      import { getClipProvider } from '@memvid/sdk/compat';
      const { code, message, suggestion } = await getClipProvider('local').embedText('a cat').catch((error) => error);
      console.log(JSON.stringify([code, message, suggestion]));
    `;
    expect(program(['core', 'sdk'], code)).toEqual([
      'MV016',
      expect.stringMatching(/mobileclip-s2.*@memvid\/clip/),
      expect.stringMatching(/npm install @memvid\/clip.*MEMVID_MODELS_DIR/),
    ]);
  });

  it('embeds pictures and texts through the class of the compat entry', () => {
    const models = paper('models');
    if (leftOut('the toy model of pictures through the compat entry', models.missing)) return;
    const code = `
      import { LocalClip } from '@memvid/sdk/compat';
      const folder = process.argv[2];
      const provider = new LocalClip({ model: 'toy', folder });
      const [circle, square] = await provider.embedImages([folder + '/green-circle.png', folder + '/blue-square.png']);
      const text = await provider.embedText('a photo of a blue square');
      const likeness = (vector) => vector.reduce((sum, value, index) => sum + value * text[index], 0);
      console.log(JSON.stringify([text.length, likeness(square) > likeness(circle) + 0.2]));
    `;
    expect(program(ALL, code, join(models.path, 'clip-tiny-shapes'))).toEqual([512, true]);
  });
});
