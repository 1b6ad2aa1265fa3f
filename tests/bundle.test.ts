import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';
import { platformOf, thisMachine } from '@memvid/core';
import { linkedInstallation } from './support/install.ts';
import { root } from './support/places.ts';
import { scratch } from './support/workspace.ts';

const APPLICATION = `
import { create } from '@memvid/sdk';
const memory = await create('notes.mv2');
await memory.put({ text: 'We moved from MySQL to PostgreSQL in March.' });
const { hits } = await memory.find('Which database do we use after MySQL?');
const { answer } = await memory.ask('What did we move to?');
await memory.close();
console.log(JSON.stringify([hits.length, answer]));
`;
const ANSWER = [1, 'We moved from MySQL to PostgreSQL in March. [1]'];

/** One import that needs neither the engine nor a file. */
const ONE_FUNCTION = `
import { maskPii } from '@memvid/sdk';
console.log(maskPii('Mail ann@example.com'));
`;
/** Signs of what has no business in such a bundle. */
const ABSENT = [
  'openMemory',
  'putMany',
  'timeline_fallback',
  'memvid_find',
  'MEMVID_NATIVE_PATH',
  'node:module',
  'node:fs',
  'snippetChars',
  'OpenAIEmbeddings',
  '$exists',
  'embedder/v1',
  'failed_inputs',
  'EMBEDDING_PLUGINS',
];

/** What an application with the SDK alone must not hold, nor load: plugins, their clients, and what tests them. */
const OF_PLUGINS = [
  /from\s*["'](?:openai|cohere-ai|voyageai|onnxruntime-node|htmlparser2|yauzl|papaparse|postal-mime|chardet|@memvid\/(?:embed-|llm-|ner|plugin-kit|onnx|documents|pdf|tables)[^"']*)["']/,
  /import\(["'](?:openai|cohere-ai|voyageai|onnxruntime-node|@memvid\/)[^"']*["']\)/,
  /api\.(?:openai|cohere|voyageai)\.com|integrate\.api\.nvidia\.com/,
  /OpenAIEmbeddings|CohereEmbeddings|VoyageEmbeddings|NvidiaEmbeddings/,
  /discoverPlugins|node:module/,
];

const bundlers = {
  async esbuild(folder: string, entry: string, external: string[]): Promise<void> {
    await build({
      absWorkingDir: folder,
      entryPoints: [entry],
      outfile: join(folder, 'out/bundle.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external,
      logLevel: 'error',
    });
  },
  async rolldown(folder: string, entry: string, external: string[]): Promise<void> {
    const bundle = await rolldown({
      cwd: folder,
      input: entry,
      platform: 'node',
      external,
      logLevel: 'warn',
    });
    // One file: what reads documents, and what asks language models, are chunks of their own otherwise.
    await bundle.write({ file: join(folder, 'out/bundle.mjs'), format: 'esm', codeSplitting: false });
    await bundle.close();
  },
};

/** Factories of plugins, the client each loads, and what is not needed with it. */
const FACTORIES = {
  openai: { client: ['openai'], absent: ['OpenAIEmbeddings', 'openai-large', 'plugin/v1'] },
  cohere: { client: ['cohere-ai'], absent: ['CohereEmbeddings', 'plugin/v1'] },
  voyage: { client: ['voyageai'], absent: ['VoyageEmbeddings', 'plugin/v1'] },
  nvidia: { client: [], absent: ['NvidiaEmbeddings', 'plugin/v1'] },
} as const;

async function bundled(
  bundler: keyof typeof bundlers,
  source: string,
  packages: string[] = ['sdk', 'core'],
  clients: readonly string[] = [],
  ours: string[] = ['@memvid/core', '@memvid/core/language-model', '@memvid/core/plugin'],
): Promise<string> {
  const folder = linkedInstallation(...packages);
  writeFileSync(join(folder, 'app.mjs'), source);
  await bundlers[bundler](folder, './app.mjs', [...ours, ...clients]);
  const output = join(folder, 'out/bundle.mjs');
  expect(existsSync(output)).toBe(true);
  return output;
}

function run(file: string, env: NodeJS.ProcessEnv = process.env): string {
  const child = spawnSync(process.execPath, [file], {
    cwd: dirname(file),
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(child.stderr).toBe('');
  expect(child.status).toBe(0);
  return child.stdout.trim();
}

describe.each(['esbuild', 'rolldown'] as const)('%s', (bundler) => {
  it('bundles an application with the core external, and it gives the right answer', async () => {
    const output = await bundled(bundler, APPLICATION);
    const text = readFileSync(output, 'utf8');
    expect(text).toMatch(/from\s*["']@memvid\/core["']/);
    expect(text).not.toMatch(/["']@memvid\/sdk["']/);
    expect(JSON.parse(run(output))).toEqual(ANSWER);
  });

  it('bundles all but the engine, which MEMVID_NATIVE_PATH names; without it the error says so', async () => {
    const folder = dirname(await bundled(bundler, APPLICATION, ['sdk', 'core'], [], []));
    // Away from every node_modules.
    const alone = scratch();
    renameSync(join(folder, 'bundle.mjs'), join(alone, 'bundle.mjs'));
    const platform = platformOf(thisMachine()) ?? '';
    const engine = join(alone, 'engine.node');
    copyFileSync(join(root, `packages/core/npm/${platform}/memvid-core.${platform}.node`), engine);
    // Runners set NODE_PATH, where the engine of the workspace is.
    const { MEMVID_NATIVE_PATH: _path, NODE_PATH: _folders, ...env } = process.env;
    expect(JSON.parse(run(join(alone, 'bundle.mjs'), { ...env, MEMVID_NATIVE_PATH: engine }))).toEqual(
      ANSWER,
    );
    const without = spawnSync(process.execPath, [join(alone, 'bundle.mjs')], {
      cwd: alone,
      env,
      encoding: 'utf8',
    });
    expect(without.status).not.toBe(0);
    expect(without.stderr).toMatch(/In a bundle, leave @memvid\/core external, or .* MEMVID_NATIVE_PATH/);
  });

  it('an application with the SDK alone holds nothing of a plugin', async () => {
    const text = readFileSync(await bundled(bundler, APPLICATION), 'utf8');
    expect(OF_PLUGINS.filter((sign) => sign.test(text)).map(String)).toEqual([]);
  });

  it.each(Object.entries(FACTORIES))(
    'the factory of @memvid/embed-%s comes without the class, the plugin and the client',
    async (name, { client, absent }) => {
      const source = `import { ${name} } from '@memvid/embed-${name}'; console.log(${name}('m').provider);`;
      const output = await bundled(bundler, source, [`embed-${name}`, 'core'], client);
      const text = readFileSync(output, 'utf8');
      expect(absent.filter((sign) => text.includes(sign))).toEqual([]);
      expect(text.length).toBeLessThan(8000);
      for (const own of client) expect(text).toMatch(new RegExp(`import\\(["\\']${own}["\\']\\)`));
      expect(run(output)).toBe(name);
    },
  );

  it.each(['nvidia', 'openai'])(
    'the factory of @memvid/llm-%s comes without the plugin, and with all of it in one file',
    async (name) => {
      const source = `import { ${name} } from '@memvid/llm-${name}'; console.log(${name}('m').provider);`;
      const text = readFileSync(await bundled(bundler, source, [`llm-${name}`, 'core']), 'utf8');
      expect(text).not.toContain('plugin/v1');
      expect(text.length).toBeLessThan(4000);
      const output = await bundled(bundler, source, [`llm-${name}`, 'core'], [], []);
      const whole = readFileSync(output, 'utf8');
      const absent = ['openMemory', 'MEMVID_NATIVE_PATH', 'node:module', 'failed_inputs', 'embedder/v1'];
      expect(absent.filter((sign) => whole.includes(sign))).toEqual([]);
      expect(run(output)).toBe(name);
    },
  );

  it('one class of the core comes without the engine and the pipeline', async () => {
    const source = `import { HashEmbeddings } from '@memvid/core'; console.log(new HashEmbeddings().model);`;
    const output = await bundled(bundler, source, ['core'], [], []);
    const text = readFileSync(output, 'utf8');
    const absent = ['openMemory', 'MEMVID_NATIVE_PATH', 'node:module', 'failed_inputs', 'retry-after'];
    expect(absent.filter((sign) => text.includes(sign))).toEqual([]);
    expect(run(output)).toBe('hash-64');
  });

  it('leaves out everything but the one function that is imported', async () => {
    const output = await bundled(bundler, ONE_FUNCTION);
    const text = readFileSync(output, 'utf8');
    expect(ABSENT.filter((sign) => text.includes(sign))).toEqual([]);
    expect(text.length).toBeLessThan(8000);
    expect(run(output)).toBe('Mail [EMAIL]');
  });
});

it('the signs of absence are signs: an application that opens a memory has them', async () => {
  const text = readFileSync(await bundled('esbuild', APPLICATION), 'utf8');
  const dist = join(import.meta.dirname, '../packages/core/dist');
  const core = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(join(dist, name), 'utf8'))
    .join('');
  const known = ABSENT.filter((sign) => sign !== 'OpenAIEmbeddings' && !`${text}${core}`.includes(sign));
  expect(known).toEqual([]);
});
