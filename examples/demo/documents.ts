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
    for (const entry of await readdir(current, { withFileTypes: true })) {
      const path = join(current, entry.name);
      if (entry.isDirectory() && !['.git', 'target', 'dist'].includes(entry.name)) waiting.push(path);
      else if (entry.isFile() && TEXT_KINDS.has(extname(entry.name).toLowerCase())) files.push(path);
    }
  }
  return files.toSorted();
}

/** Reads the files one after the other, while the ones before are being stored. */
export async function* readDocuments(folder: string, files: readonly string[]): AsyncGenerator<TextDocument> {
  for (const file of files) {
    const { size, mtimeMs } = await stat(file);
    if (size === 0 || size > LARGEST_FILE) continue;
    const text = await readFile(file, 'utf8');
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
