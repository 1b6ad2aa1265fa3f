// The packages that are published, as far as this machine can make them.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { manifests } from './manifests.mjs';
import { CommandError, must, root } from './workspace.mjs';

/**
 * @typedef {object} Publishable
 * @property {string} name
 * @property {string} version
 * @property {string} folder absolute
 * @property {boolean} native whether it holds a binary
 */

/**
 * Every public package; of those for one platform, the ones whose binary is built.
 * @returns {Publishable[]}
 */
export function publishable() {
  /** @type {Publishable[]} */
  const list = [];
  for (const manifest of manifests()) {
    const folder = join(root, dirname(manifest));
    const data = JSON.parse(readFileSync(join(root, manifest), 'utf8'));
    const native = data.cpu !== undefined;
    if (data.private === true || (native && !existsSync(join(folder, data.main)))) continue;
    list.push({ name: data.name, version: data.version, folder, native });
  }
  if (!list.some(({ native }) => native)) {
    throw new CommandError('No native engine is built. Run: pnpm --filter @memvid/core build:native');
  }
  return list;
}

/**
 * Packs `packages` into `destination` and returns the paths of the tarballs in the same order.
 * @param {Publishable[]} packages
 * @param {string} destination absolute
 */
export async function packAll(packages, destination) {
  rmSync(destination, { recursive: true, force: true });
  mkdirSync(destination, { recursive: true });
  const tarballs = [];
  for (const { name, version, folder } of packages) {
    await must('pnpm', ['pack', '--pack-destination', destination], { cwd: folder, quiet: true });
    tarballs.push(join(destination, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`));
  }
  return tarballs;
}
