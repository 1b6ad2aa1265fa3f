import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Peers that are too large to be installed with the workspace, or have to be compiled; they come on first use, into `.cache/`. */
const FETCHED = {
  lancedb: { package: '@lancedb/lancedb', version: '0.39.0' },
  hnswlib: { package: 'hnswlib-node', version: '3.0.0' },
} as const;
export type FetchedName = keyof typeof FETCHED;

const CACHE = join(import.meta.dirname, '../../.cache');

function folderOf(name: FetchedName): string {
  return join(CACHE, `${name}-${FETCHED[name].version}`);
}

/** The file that an import of the peer loads. */
export function fetchedEntry(name: FetchedName): string {
  return createRequire(join(folderOf(name), 'any.js')).resolve(FETCHED[name].package);
}

/** What npm is asked for. */
export function fetchedPackage(name: FetchedName): string {
  return `${FETCHED[name].package}@${FETCHED[name].version}`;
}

/** Whether it has been fetched before. */
export function isFetched(name: FetchedName): boolean {
  return existsSync(join(folderOf(name), 'node_modules', FETCHED[name].package, 'package.json'));
}

/** Brings the peer. Why it cannot be measured, if so. */
export function missingFetched(name: FetchedName): string | undefined {
  if (isFetched(name)) return undefined;
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const wanted = fetchedPackage(name);
  const installed = spawnSync('npm', ['install', '--silent', '--no-audit', '--no-fund', wanted], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  return installed.status === 0 && isFetched(name) ? undefined : `${wanted} cannot be installed`;
}
