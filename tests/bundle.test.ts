import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';
import { linkedInstallation } from './support/install.ts';

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
];

const bundlers = {
  async esbuild(folder: string, entry: string): Promise<void> {
    await build({
      absWorkingDir: folder,
      entryPoints: [entry],
      outfile: join(folder, 'out/bundle.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['@memvid/core'],
      logLevel: 'error',
    });
  },
  async rolldown(folder: string, entry: string): Promise<void> {
    const bundle = await rolldown({
      cwd: folder,
      input: entry,
      platform: 'node',
      external: ['@memvid/core'],
      logLevel: 'warn',
    });
    await bundle.write({ file: join(folder, 'out/bundle.mjs'), format: 'esm' });
    await bundle.close();
  },
};

async function bundled(bundler: keyof typeof bundlers, source: string): Promise<string> {
  const folder = linkedInstallation('sdk', 'core');
  writeFileSync(join(folder, 'app.mjs'), source);
  await bundlers[bundler](folder, './app.mjs');
  const output = join(folder, 'out/bundle.mjs');
  expect(existsSync(output)).toBe(true);
  return output;
}

function run(file: string): string {
  const child = spawnSync(process.execPath, [file], {
    cwd: dirname(file),
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
  const core = readFileSync(join(import.meta.dirname, '../packages/core/dist/index.js'), 'utf8');
  const known = ABSENT.filter((sign) => sign !== 'OpenAIEmbeddings' && !`${text}${core}`.includes(sign));
  expect(known).toEqual([]);
});
