import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';

const TEXT_KINDS = new Set(['.md', '.markdown', '.mdx', '.txt', '.rst', '.adoc']);

/** Beyond this a "text" is data; reading it would only slow a demonstration down. */
const LARGEST_FILE = 4 * 1024 * 1024;

/** A text file, in the form `putMany` takes. */
export interface TextDocument {
  title: string;
  text: string;
  uri: string;
  label: string;
  timestamp: number;
  metadata: { path: string; bytes: number };
}

/** Paths of all text files in `folder`; links are not followed, so nothing is listed twice. */
export async function textFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  const waiting = [folder];
  for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
    for (const entry of await entriesOf(current)) {
      const path = join(current, entry.name);
      if (entry.isDirectory() && !['.git', 'target', 'dist'].includes(entry.name)) waiting.push(path);
      else if (entry.isFile() && TEXT_KINDS.has(extname(entry.name).toLowerCase())) files.push(path);
    }
  }
  return files.toSorted();
}

/** What a folder holds; one that cannot be read is told about and passed over. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    notRead(folder, error);
    return [];
  }
}

function notRead(path: string, error: unknown): undefined {
  console.error(`not read: ${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
}

/** Reads the files one after the other, while the ones before are being stored. */
export async function* readDocuments(folder: string, files: readonly string[]): AsyncGenerator<TextDocument> {
  for (const file of files) {
    const found = await contentOf(file).catch((error: unknown) => notRead(file, error));
    if (found === undefined) continue;
    const { text, size, mtimeMs } = found;
    const path = shortPath(folder, file);
    yield {
      title: titleOf(text, path),
      text,
      uri: `mv2://demo/${path}`,
      label: extname(file).slice(1).toLowerCase(),
      timestamp: Math.floor(mtimeMs / 1000),
      metadata: { path, bytes: size },
    };
  }
}

/** A file's text; `undefined` for one that is empty or too large. */
async function contentOf(file: string): Promise<{ text: string; size: number; mtimeMs: number } | undefined> {
  const { size, mtimeMs } = await stat(file);
  if (size === 0 || size > LARGEST_FILE) return undefined;
  return { text: await readFile(file, 'utf8'), size, mtimeMs };
}

/** `…/node_modules/yargs/README.md` is `yargs/README.md` to a reader. */
function shortPath(folder: string, file: string): string {
  const path = relative(folder, file).split(sep).join('/');
  const cut = path.lastIndexOf('node_modules/');
  return cut < 0 ? path : path.slice(cut + 'node_modules/'.length);
}

function titleOf(text: string, path: string): string {
  const start = text.slice(0, 2000);
  const heading = (
    /^---\n(?:.*\n)*?title: *(.{3,100})\n/.exec(start) ?? /^#{1,2}\s+(.{3,100})$/m.exec(start)
  )?.[1];
  const clean = heading?.replaceAll(/!?\[([^\]]*)\]\([^)]*\)|<[^>]+>|[`*_]/g, '$1').trim();
  return clean || basename(path, extname(path));
}
