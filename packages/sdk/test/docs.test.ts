import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as discover from '../src/discover.ts';
import * as sdk from '../src/index.ts';
import { freshMemory, scratch } from './support/memory.ts';

const root = join(import.meta.dirname, '../../..');
const DOCUMENTS = ['docs/api.md', 'docs/migrating.md', 'packages/sdk/README.md'];

interface Block {
  readonly name: string;
  readonly code: string;
  /** The output promised in a `text` block right behind. */
  readonly output: string | undefined;
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```)?/gm)].map(
    (match, index) => ({
      name: `${document}, block ${index + 1}`,
      code: match[1] ?? '',
      output: match[2],
    }),
  );
}

/** An empty folder in which the built packages are installed. */
function installation(): string {
  const folder = scratch();
  mkdirSync(join(folder, 'node_modules/@memvid'), { recursive: true });
  for (const name of ['core', 'sdk']) {
    symlinkSync(join(root, 'packages', name), join(folder, 'node_modules/@memvid', name));
  }
  return folder;
}

describe('documents', () => {
  it.each(DOCUMENTS.flatMap(blocksOf))('$name runs as pasted', ({ code, output }) => {
    const folder = installation();
    writeFileSync(join(folder, 'block.mts'), code);
    const run = spawnSync(process.execPath, ['block.mts'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    if (output !== undefined) expect(run.stdout).toBe(output);
  });

  it('docs/api.md names everything that is exported and every call of a memory', async () => {
    const text = readFileSync(join(root, 'docs/api.md'), 'utf8');
    await using memory = await freshMemory();
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(memory) as object).filter(
      (name) => name !== 'constructor',
    );
    const missing = [...Object.keys(sdk), ...Object.keys(discover), ...methods].filter(
      (name) => !text.includes(name),
    );
    // Used by the compat facades, not by callers.
    expect(missing.filter((name) => name !== 'isNotInstalled')).toEqual([]);
  });

  it('docs/api.md has a heading for every call with a result, and none for a call that does not exist', async () => {
    const text = readFileSync(join(root, 'docs/api.md'), 'utf8');
    const headings = [...text.matchAll(/^### `(\w+)`$/gm)].map((match) => match[1] ?? '');
    await using memory = await freshMemory();
    expect(headings.filter((name) => !(name in sdk) && !(name in memory))).toEqual([]);
  });
});
