import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startService } from '@memvid/plugin-kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { runIn } from './support/child.ts';
import { installedTarballs, packedPackages } from './support/install.ts';
import { checkedTypes } from './support/types.ts';
import { scratch } from './support/workspace.ts';

/** A plugin that somebody else wrote: it is no part of the workspace, and sees only what is published. */
const PLUGIN = join(import.meta.dirname, 'thirdparty/embed-acme');

describe('a plugin of a stranger, installed from tarballs', () => {
  let folder: string;
  beforeAll(() => {
    const packs = join(scratch(), 'packs');
    const tarballs = packedPackages(packs);
    const pack = spawnSync('npm', ['pack', '--pack-destination', packs], {
      cwd: PLUGIN,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    if (pack.status !== 0) throw new Error(`npm pack failed: ${pack.stderr}`);
    const ours = [...tarballs].filter(([name]) => /^@memvid\/(core|sdk|plugin-kit)/.test(name));
    folder = installedTarballs([...ours.map(([, path]) => path), join(packs, 'acme-embed-acme-1.0.0.tgz')]);
  }, 180_000);

  it('passes the suites of the kit in the runner it chose', () => {
    copyFileSync(join(PLUGIN, 'test/acme.test.js'), join(folder, 'acme.test.mjs'));
    const env = { ...process.env };
    // Set by the runner of this very test; node:test reports to it otherwise.
    delete env['NODE_TEST_CONTEXT'];
    const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', 'acme.test.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      env,
      timeout: 120_000,
    });
    expect(run.stdout).toMatch(/^# fail 0$/m);
    expect(Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1])).toBeGreaterThan(30);
    expect(run.status).toBe(0);
  }, 120_000);

  it('is used by its name in an application', async () => {
    const service = await startService(({ body }) => {
      const { input } = body as { input: string[] };
      return {
        body: {
          data: input.map((text, index) => ({ index, embedding: text.startsWith('A') ? [3, 4] : [4, -3] })),
        },
      };
    });
    const code = `
      import { acmePlugin } from '@acme/embed-acme';
      import { create } from '@memvid/sdk';
      const plugins = [acmePlugin({ apiKey: 'some-key-0123', baseURL: ${JSON.stringify(service.url)} })];
      const unknown = await create('x.mv2', { plugins, embedder: 'acme-huge' }).catch((error) => [error.code, error.message]);
      const memory = await create('notes.mv2', { plugins, embedder: 'acme-small' });
      await memory.putMany([{ title: 'B', text: 'Bee' }, { title: 'A', text: 'Ape' }]);
      const { hits } = await memory.find('A question', { mode: 'sem', k: 1 });
      const { embedding_identity: identity } = await memory.stats();
      await memory.close();
      const large = await create('large.mv2', { plugins, embedder: 'acme:acme-large' });
      await large.put({ text: 'Bee' });
      const asked = await large.find('Bee', { mode: 'sem', queryEmbeddingModel: 'acme:acme-large' });
      const { model } = (await large.stats()).embedding_identity;
      await large.close();
      console.log(JSON.stringify([unknown, [hits[0].title, identity.provider, identity.model], [model, asked.engine]]));
    `;
    const { printed, complained } = await runIn(folder, code);
    await service.close();
    expect(complained).toBe('');
    const [unknown, found, large] = JSON.parse(printed) as string[][];
    expect(unknown).toEqual(['MV015', expect.stringContaining('registered: acme, acme-small, acme-large')]);
    expect(found).toEqual(['A', 'acme', 'acme-small']);
    expect(large).toEqual(['acme-large', 'vec']);
    expect(service.requests).toHaveLength(4);
  });

  it('has types that fit those of the SDK', () => {
    const application = join(folder, 'types');
    mkdirSync(application);
    writeFileSync(
      join(application, 'index.ts'),
      `import { acme, acmePlugin } from '@acme/embed-acme';
       import { create, type Embedder } from '@memvid/sdk';
       const embedder: Embedder = acme('acme-small', { apiKey: 'k' });
       export default [create('a.mv2', { embedder }), create('b.mv2', { plugins: [acmePlugin()], embedder: 'acme' })];
       // @ts-expect-error an embedder has a spec
       create('c.mv2', { embedder: { provider: 'x', model: 'y', maxBatch: 1, embed: async () => ({ vectors: [] }) } });`,
    );
    writeFileSync(join(application, 'package.json'), '{ "type": "module" }');
    expect(checkedTypes(application)).toEqual({ complaints: '', status: 0 });
  });
});
