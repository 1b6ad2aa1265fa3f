import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startService } from '@memvid/plugin-kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { runIn } from './support/child.ts';
import { installedTarballs, packedPackages } from './support/install.ts';
import { checkedTypes } from './support/types.ts';
import { scratch } from './support/workspace.ts';

/** Plugins that somebody else wrote: they are no part of the workspace, and see only what is published. */
const PLUGINS = ['embed-acme', 'llm-acme'];
const folderOf = (plugin: string): string => join(import.meta.dirname, 'thirdparty', plugin);

describe('plugins of a stranger, installed from tarballs', () => {
  let folder: string;
  beforeAll(() => {
    const packs = join(scratch(), 'packs');
    const tarballs = packedPackages(packs);
    for (const plugin of PLUGINS) {
      const pack = spawnSync('npm', ['pack', '--pack-destination', packs], {
        cwd: folderOf(plugin),
        encoding: 'utf8',
        shell: process.platform === 'win32',
      });
      if (pack.status !== 0) throw new Error(`npm pack failed: ${pack.stderr}`);
    }
    const ours = [...tarballs].filter(([name]) => /^@memvid\/(core|sdk|plugin-kit)/.test(name));
    const theirs = PLUGINS.map((plugin) => join(packs, `acme-${plugin}-1.0.0.tgz`));
    folder = installedTarballs([...ours.map(([, path]) => path), ...theirs]);
  }, 180_000);

  it.each(PLUGINS)(
    '%s passes the suites of the kit in the runner it chose',
    (plugin) => {
      const suite = `${plugin}.test.mjs`;
      copyFileSync(join(folderOf(plugin), 'test/acme.test.js'), join(folder, suite));
      const env = { ...process.env };
      // Set by the runner of this very test; node:test reports to it otherwise.
      delete env['NODE_TEST_CONTEXT'];
      const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', suite], {
        cwd: folder,
        encoding: 'utf8',
        env,
        timeout: 120_000,
      });
      expect(run.stdout).toMatch(/^# fail 0$/m);
      expect(Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1])).toBeGreaterThan(30);
      expect(run.status).toBe(0);
    },
    120_000,
  );

  it('an embedder is used by its name in an application', async () => {
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

  it('a language model answers, streams and makes memory cards beside an embedder of the same name', async () => {
    const service = await startService(({ path, body }) => {
      if (path === '/v1/embed') {
        const { input } = body as { input: string[] };
        return { body: { data: input.map((_, index) => ({ index, embedding: [3, 4] })) } };
      }
      const { stream, messages } = body as { stream?: boolean; messages: { content: string }[] };
      const isAboutCards = messages[0]?.content.includes('"entities"');
      const text = isAboutCards
        ? '{"entities":[{"name":"Ann","type":"PERSON"},{"name":"Bob","type":"PERSON"}],"facts":[]}'
        : 'At noon [1].';
      if (stream !== true) {
        return {
          body: { choices: [{ message: { role: 'assistant', content: text }, finish_reason: 'stop' }] },
        };
      }
      const part = { choices: [{ delta: { content: text }, finish_reason: 'stop' }] };
      return { pieces: [`data: ${JSON.stringify(part)}\n\n`, 'data: [DONE]\n\n'] };
    });
    const code = `
      import { acmePlugin as embeddings } from '@acme/embed-acme';
      import { acmePlugin as answers } from '@acme/llm-acme';
      import { create } from '@memvid/sdk';
      const options = { apiKey: 'some-key-0123', baseURL: ${JSON.stringify(service.url)} };
      const memory = await create('asked.mv2', { plugins: [embeddings(options), answers(options)], embedder: 'acme-small' });
      await memory.put({ title: 'Lunch', text: 'Ann has lunch at noon.' });
      const { answer, model, citations } = await memory.ask('When is lunch?', { model: 'acme:small' });
      let streamed = '';
      for await (const part of await memory.askStream('When is lunch?', { model: 'acme:small' })) {
        if (part.type === 'text') streamed += part.text;
      }
      const { engine, newCards, rejectedCount } = await memory.enrich('acme:small');
      const names = await memory.memoryEntities();
      const unknown = await memory.ask('When?', { model: 'acne:small' }).catch((error) => error.code);
      await memory.close();
      console.log(JSON.stringify([answer, model, citations.cited, streamed, engine, newCards, rejectedCount, names, unknown]));
    `;
    const { printed, complained } = await runIn(folder, code);
    await service.close();
    expect(complained).toBe('');
    expect(JSON.parse(printed)).toEqual([
      'At noon [1].',
      'acme:small',
      [1],
      'At noon [1].',
      'acme:small',
      2,
      1,
      ['ann'],
      'MV018',
    ]);
  });

  it('have types that fit those of the SDK', () => {
    const application = join(folder, 'types');
    mkdirSync(application);
    writeFileSync(
      join(application, 'index.ts'),
      `import { acme, acmePlugin } from '@acme/embed-acme';
       import { acme as answers, acmePlugin as answersPlugin } from '@acme/llm-acme';
       import { create, type Embedder, type LanguageModel, type Memvid } from '@memvid/sdk';
       const model: LanguageModel = answers('small', { apiKey: 'k' });
       export const asked = async (memory: Memvid) => [memory.ask('When?', { model }), memory.enrich({ engine: model })];
       export const named = create('d.mv2', { plugins: [answersPlugin({ temperature: 0 })] });
       const embedder: Embedder = acme('acme-small', { apiKey: 'k' });
       export default [create('a.mv2', { embedder }), create('b.mv2', { plugins: [acmePlugin()], embedder: 'acme' })];
       // @ts-expect-error an embedder has a spec
       create('c.mv2', { embedder: { provider: 'x', model: 'y', maxBatch: 1, embed: async () => ({ vectors: [] }) } });`,
    );
    writeFileSync(join(application, 'package.json'), '{ "type": "module" }');
    expect(checkedTypes(application)).toEqual({ complaints: '', status: 0 });
  });
});
