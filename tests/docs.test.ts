import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as core from '@memvid/core';
import * as sdk from '@memvid/sdk';
import * as compat from '@memvid/sdk/compat';
import * as discover from '@memvid/sdk/discover';
import { runIn } from './support/child.ts';
import { linkedInstallation } from './support/install.ts';
import { checkedTypes } from './support/types.ts';
import { root } from './support/places.ts';

/** Stands on the line before a block that is only to be read, because it needs what a test has not. */
const NOT_RUNNABLE = '<!-- not runnable -->';

/** Installed where the blocks run. */
const PACKAGES = readdirSync(join(root, 'packages'));

interface Block {
  readonly name: string;
  readonly code: string;
  readonly runnable: boolean;
  /** The output promised in a `text` block right behind. */
  readonly output: string | undefined;
}

function documents(): string[] {
  const inside = (folder: string): string[] =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name));
  const readmes = readdirSync(join(root, 'packages')).flatMap((name) => inside(join('packages', name)));
  return [...inside('.'), ...inside('docs'), ...readmes];
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/(^.*\n)?^```ts\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```)?/gm)].map(
    (match, index) => ({
      name: `${document}, block ${index + 1}`,
      code: match[2] ?? '',
      runnable: match[1]?.trim() !== NOT_RUNNABLE,
      output: match[3],
    }),
  );
}

const blocks = documents().flatMap(blocksOf);

describe('documents', () => {
  it('there are blocks in the README, the documents and the packages', () => {
    const files = new Set(blocks.map(({ name }) => name.replace(/,.*/, '')));
    expect([...files]).toEqual(
      expect.arrayContaining([
        'README.md',
        'docs/api.md',
        'packages/core/README.md',
        'packages/sdk/README.md',
      ]),
    );
    expect(blocks.length).toBeGreaterThan(20);
  });

  it('the first screen of the README has the two commands, and its commands run in every shell', () => {
    const text = readFileSync(join(root, 'README.md'), 'utf8');
    const screen = text.split('\n').slice(0, 35);
    expect(screen).toEqual(expect.arrayContaining(['npm start', 'npm test']));
    const commands = [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, lines = '']) => lines).join('');
    // Braces, stars, comments and `&&` mean something else, or nothing, in some of them.
    expect(commands).toMatch(/^npm run setup$/m);
    expect(commands).not.toMatch(/[{}*#&$]/);
  });

  it('every block type-checks against the built types', () => {
    const folder = linkedInstallation(...PACKAGES);
    for (const [index, { code, name }] of blocks.entries()) {
      writeFileSync(join(folder, `block-${index}.mts`), `${code}\nexport {}; // ${name}\n`);
    }
    const run = checkedTypes(folder, { noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true });
    const complaints = run.complaints.replaceAll(
      /block-(\d+)\.mts/g,
      (_, index: string) => blocks[Number(index)]?.name ?? '',
    );
    expect(complaints).toBe('');
    expect(run.status).toBe(0);
  });

  it.concurrent.each(blocks.filter(({ runnable }) => runnable))(
    '$name runs as pasted, offline, in an empty folder',
    async ({ code, output }) => {
      const folder = linkedInstallation(...PACKAGES);
      const flags = ['--import', join(import.meta.dirname, 'support/socket-trap.mjs')];
      const { status, printed, complained } = await runIn(folder, code, { name: 'block.mts', flags });
      expect(complained).toBe('');
      expect(status).toBe(0);
      if (output !== undefined) expect(printed).toBe(output);
    },
  );

  it('docs/api.md names everything that the SDK exports, and no call that is not there', async () => {
    const text = readFileSync(join(root, 'docs/api.md'), 'utf8');
    const words = new Set(text.match(/\w+/g));
    const exported = [...Object.keys(sdk), ...Object.keys(discover)];
    // Used by the facades of the compat entry, not by callers.
    const internal = new Set(['isNotInstalled', 'importInstalled']);
    expect(exported.filter((name) => !words.has(name) && !internal.has(name))).toEqual([]);

    const source = readFileSync(join(root, 'packages/sdk/src/index.ts'), 'utf8');
    const types = [...source.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, all, list = '']) => {
      const names = list.split(',').map((name) => name.trim());
      return names.filter((name) => all !== undefined || name.startsWith('type '));
    });
    const typeNames = types.map((name) => name.replace(/^type /, '').replace(/^.* as /, ''));
    expect(typeNames.length).toBeGreaterThan(100);
    expect(typeNames.filter((name) => name !== '' && !words.has(name))).toEqual([]);

    const memory = await sdk.create(join(linkedInstallation(), 'notes.mv2'));
    const members = new Set(Object.getOwnPropertyNames(Object.getPrototypeOf(memory)));
    await memory.close();
    members.delete('constructor');
    expect([...members].filter((name) => !words.has(name))).toEqual([]);

    const known = new Set<string>([...exported, ...members]);
    const headings = [...text.matchAll(/^### `(\w+)`$/gm)].map(([, name = '']) => name);
    expect(headings.length).toBeGreaterThan(30);
    expect(headings.filter((name) => !known.has(name))).toEqual([]);
    const called = [...text.matchAll(/`memory\.(\w+)\(/g)].map(([, name = '']) => name);
    expect(called.filter((name) => !members.has(name))).toEqual([]);
  });

  it('docs/migrating.md speaks only of names that the compat entry has', () => {
    const text = readFileSync(join(root, 'docs/migrating.md'), 'utf8');
    const classes = [...text.matchAll(/`([A-Z]\w+(?:Embeddings|Clip|NER|Error))`/g)].map(
      ([, name = '']) => name,
    );
    expect(classes.filter((name) => !(name in compat))).toEqual([]);
  });

  it('docs/errors.md has every error class, and no other', () => {
    const text = readFileSync(join(root, 'docs/errors.md'), 'utf8');
    const classes = Object.keys(core).filter((name) => /^[A-Z]\w*Error$/.test(name));
    expect(classes.filter((name) => !text.includes(name))).toEqual([]);
    const named = [...text.matchAll(/`(\w+Error)`/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in core) && name !== 'AbortError' && name !== 'TypeError')).toEqual(
      [],
    );
  });

  it('links between documents lead somewhere', () => {
    const broken: string[] = [];
    for (const document of documents()) {
      const text = readFileSync(join(root, document), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)) {
        const path = join(root, document, '..', target);
        try {
          readFileSync(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EISDIR') {
            broken.push(`${document}: ${relative(root, path)}`);
          }
        }
      }
    }
    expect(broken).toEqual([]);
  });
});
