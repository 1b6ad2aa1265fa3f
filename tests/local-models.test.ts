import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linkedInstallation } from './support/install.ts';
import { paper, root } from './support/places.ts';
import { leftOut } from './support/workspace.ts';

/** The packages as an application has them: each finds the others beside it, and nothing above. */
function program(code: string, ...words: string[]): unknown {
  const folder = linkedInstallation('core', 'sdk', 'onnx', 'embed-local');
  writeFileSync(join(folder, 'program.mjs'), code);
  const trap = join(root, 'tests/support/socket-trap.mjs');
  const flags = ['--preserve-symlinks', '--preserve-symlinks-main', '--import', trap];
  const run = spawnSync(process.execPath, [...flags, 'program.mjs', ...words], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, MEMVID_MODELS_DIR: join(folder, 'models') },
  });
  expect(run.stderr).toBe('');
  return JSON.parse(run.stdout);
}

describe('@memvid/embed-local beside the SDK', () => {
  it('is discovered, and the class of the compat entry loads it', () => {
    const code = `
      import { discoverPlugins } from '@memvid/sdk/discover';
      import { getEmbedder } from '@memvid/sdk/compat';
      const plugins = await discoverPlugins();
      const embedder = getEmbedder('local', { model: 'nomic' });
      const { code, details } = await embedder.embedQuery('x').catch((error) => error);
      console.log(JSON.stringify([plugins.map(({ name }) => name), embedder.dimension, code, details.reason, details.model]));
    `;
    expect(program(code)).toEqual([
      ['@memvid/embed-local'],
      768,
      'MV015',
      'missing_model',
      'nomic-ai/nomic-embed-text-v1.5',
    ]);
  });

  it('embeds through the class of the compat entry', () => {
    const models = paper('models');
    if (leftOut('a real model through the compat entry', models.missing)) return;
    const code = `
      import { LocalEmbeddings } from '@memvid/sdk/compat';
      const embedder = new LocalEmbeddings({ model: 'all-minilm', directory: process.argv[2] });
      const [dinner, database] = await embedder.embedDocuments(['We eat together on Tuesdays.', 'The data moved to PostgreSQL.']);
      const question = await embedder.embedQuery('Which database?');
      const likeness = (vector) => vector.reduce((sum, value, index) => sum + value * question[index], 0);
      console.log(JSON.stringify([question.length, likeness(database) > likeness(dinner) + 0.2]));
    `;
    expect(program(code, models.path)).toEqual([384, true]);
  });

  it('stores and asks by meaning, with no network', () => {
    const models = paper('models');
    if (leftOut('a real model in a memory', models.missing)) return;
    const code = `
      import { create, open } from '@memvid/sdk';
      import { localPlugin } from '@memvid/embed-local';
      const options = { plugins: [localPlugin({ directory: process.argv[2] })] };
      const memory = await create('notes.mv2', options);
      await memory.put({ title: 'Lunch', text: 'The canteen serves soup at noon.', enableEmbedding: true, embeddingModel: 'all-minilm' });
      await memory.putMany(
        [
          { title: 'Database', text: 'The data moved to PostgreSQL.' },
          { title: 'Train', text: 'The express to Oslo leaves at seven.' },
        ],
        { enableEmbedding: true, embeddingModel: 'all-minilm' },
      );
      await memory.close();
      const again = await open('notes.mv2', options);
      const { embedding_identity: identity, vector_count } = await again.stats();
      const found = await again.find('Where can I eat something warm?', { mode: 'sem', k: 1 });
      const both = await again.find('How do I travel to Norway?', { mode: 'auto', k: 1 });
      const asked = await again.ask('Which storage engine holds our records?', { mode: 'sem', k: 1, contextOnly: true });
      await again.close();
      console.log(JSON.stringify([identity.provider, identity.model, identity.dimension, vector_count, found.engine,
        found.hits[0].title, both.engine, both.hits[0].title, asked.hits[0].title]));
    `;
    expect(program(code, models.path)).toEqual([
      'local',
      expect.stringContaining('all-MiniLM-L6-v2'),
      384,
      3,
      'vec',
      'Lunch',
      'hybrid',
      'Train',
      'Database',
    ]);
  });
});
