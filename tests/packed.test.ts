import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { installedTarballs, nodeOf, packedPackages } from './support/install.ts';
import { checkedTypes } from './support/types.ts';
import { leftOut, scratch } from './support/workspace.ts';

const ESM = `
import { create, open } from '@memvid/sdk';
import use, { MemvidError } from '@memvid/sdk/compat';
import { discoverPlugins } from '@memvid/sdk/discover';
const memory = await create('notes.mv2');
const first = await memory.put({ title: 'Database', text: 'We moved from MySQL to PostgreSQL in March.' });
await memory.put({ title: 'Lunch', text: 'The team meets for lunch every Tuesday at noon.' });
const { hits } = await memory.find('Which database are we using?');
const { context } = await memory.ask('When do we have lunch?', { contextOnly: true });
await memory.close();
const again = await use('basic', 'notes.mv2');
const { frame_count } = await again.stats();
await again.close();
const code = await open('missing.mv2').catch((error) => error instanceof MemvidError && error.code);
console.log(JSON.stringify([first, hits[0].title, context.includes('noon'), frame_count, code, await discoverPlugins()]));
`;
const CJS = `
const { create, open, MemvidError } = require('@memvid/sdk');
require('@memvid/sdk/compat');
(async () => {
  const memory = await create('notes.mv2');
  const first = await memory.put({ title: 'Database', text: 'We moved from MySQL to PostgreSQL in March.' });
  await memory.put({ title: 'Lunch', text: 'The team meets for lunch every Tuesday at noon.' });
  const { hits } = await memory.find('Which database are we using?');
  const { context } = await memory.ask('When do we have lunch?', { contextOnly: true });
  await memory.close();
  const again = await open('notes.mv2');
  const { frame_count } = await again.stats();
  await again.close();
  const code = await open('missing.mv2').catch((error) => error instanceof MemvidError && error.code);
  console.log(JSON.stringify([first, hits[0].title, context.includes('noon'), frame_count, code, []]));
})();
`;
const ANSWER = ['0', 'Database', true, 2, 'MV013', []];

describe('packed packages', () => {
  let tarballs: Map<string, string>;
  let folder: string;
  beforeAll(() => {
    tarballs = packedPackages(join(scratch(), 'packs'));
    // The SDK alone: what plugins bring is theirs.
    folder = installedTarballs(
      [...tarballs].filter(([name]) => /^@memvid\/(core|sdk)/.test(name)).map(([, path]) => path),
    );
    writeFileSync(join(folder, 'quick-start.mjs'), ESM);
    writeFileSync(join(folder, 'quick-start.cjs'), CJS);
  }, 180_000);

  it('are the SDK, the core, the engine of this platform, and the plugins', () => {
    const names = [...tarballs.keys()];
    expect(names).toEqual(expect.arrayContaining(['@memvid/core', '@memvid/sdk']));
    expect(names.filter((name) => name.startsWith('@memvid/core-'))).toHaveLength(1);
    const plugins = names.filter((name) => !/^@memvid\/(core|sdk)/.test(name));
    expect(plugins).toHaveLength(names.length - 3);
    expect(
      plugins.filter(
        (name) =>
          !/^@memvid\/(clip|documents|embed-\w+|llm-\w+|ner|ner-model-en|onnx|pdf(-.+)?|plugin-kit|tables)$/.test(
            name,
          ),
      ),
    ).toEqual([]);
  });

  it('weigh little: the engine at most 6 MB, the JavaScript of SDK and core at most 90 kB gzipped', () => {
    const engine = [...tarballs].find(([name]) => name.startsWith('@memvid/core-'))?.[1] ?? '';
    expect(statSync(engine).size).toBeLessThanOrEqual(6e6);
    // Loaded by plugins, or with the first question to a language model, and weighed by themselves (.size-limit.json).
    const later = new Set(
      ['language-model.js', 'plugin.js', 'shared/post-json.js', 'shared/with-model.js'].map((name) =>
        join(name),
      ),
    );
    let bytes = 0;
    const left: string[] = [];
    for (const name of ['core', 'sdk']) {
      const dist = join(folder, 'node_modules/@memvid', name, 'dist');
      for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
        // What is loaded with the first folder, document that a plugin reads, table, picture, extractor or reembedding has a limit of its own.
        if (!/\.[cm]?js$/.test(file)) continue;
        if (/(?:folder|parsed-file|table-frames|pictures|enrich|reembed-run)\.js$/.test(file)) continue;
        if (later.has(file)) left.push(file);
        else bytes += gzipSync(readFileSync(join(dist, file))).length;
      }
    }
    process.stdout.write(
      `engine tarball ${statSync(engine).size} bytes, JavaScript ${bytes} bytes gzipped\n`,
    );
    expect(left.toSorted()).toEqual([...later].toSorted());
    expect(bytes).toBeGreaterThan(1000);
    expect(bytes).toBeLessThanOrEqual(90_000);
  });

  it('bring nothing from outside the project', () => {
    const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(installed).toEqual(['@memvid']);
    for (const name of readdirSync(join(folder, 'node_modules/@memvid'))) {
      const manifest = JSON.parse(
        readFileSync(join(folder, 'node_modules/@memvid', name, 'package.json'), 'utf8'),
      ) as Record<string, Record<string, string> | undefined>;
      const needs = ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) =>
        Object.keys(manifest[kind] ?? {}),
      );
      expect(needs.filter((need) => !need.startsWith('@memvid/'))).toEqual([]);
      const scripts = Object.keys(manifest['scripts'] ?? {});
      expect(scripts.filter((script) => /^(pre|post)?install$/.test(script))).toEqual([]);
    }
  });

  it('hold only what an application needs: built code, types, README, licences and the engine', () => {
    for (const name of readdirSync(join(folder, 'node_modules/@memvid'))) {
      const files = readdirSync(join(folder, 'node_modules/@memvid', name), {
        recursive: true,
        encoding: 'utf8',
      });
      const strange = files.filter(
        (file) => !/^(dist(\/.*)?|package\.json|README\.md|LICENSE[\w-]*|[\w.-]+\.node)$/.test(file),
      );
      expect(strange).toEqual([]);
    }
  });

  it.each([20, 22, 24] as const)('the quick start runs on Node %i, imported and required', (major) => {
    const node = nodeOf(major);
    if (leftOut(`the quick start on Node ${major}`, node.missing)) return;
    for (const file of ['quick-start.mjs', 'quick-start.cjs']) {
      const run = spawnSync(node.path, [file], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
      expect(run.stderr).toBe('');
      expect(JSON.parse(run.stdout)).toEqual(ANSWER);
    }
  });

  it.each(['nodenext', 'bundler'])('the types are found with module resolution %s', (resolution) => {
    const application = join(folder, `types-${resolution}`);
    const source = `
      import { create, type FindResult, type Memvid } from '@memvid/sdk';
      import use from '@memvid/sdk/compat';
      import { discoverPlugins } from '@memvid/sdk/discover';
      import { definePlugin } from '@memvid/core';
      const memory: Memvid = await create('notes.mv2');
      const found: FindResult = await memory.find('x', { k: 3, where: { year: { $gte: 2020 } } });
      // @ts-expect-error a frame id is a number or text
      await memory.view({});
      // @ts-expect-error k is a number
      await memory.find('x', { k: 'three' });
      export default [found.hits[0]?.title, use, discoverPlugins, definePlugin];
    `;
    mkdirSync(application, { recursive: true });
    writeFileSync(join(application, 'index.ts'), source);
    writeFileSync(join(application, 'package.json'), '{ "type": "module" }');
    const module = resolution === 'bundler' ? 'preserve' : 'nodenext';
    const checked = checkedTypes(application, { module, moduleResolution: resolution });
    expect(checked).toEqual({ complaints: '', status: 0 });
  });
});
