// The package.json files of the workspace. (Node 20, which runs the first set-up, has no `globSync`.)
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './workspace.mjs';

/**
 * Paths of all of them, relative to the checkout, in a fixed order.
 * @returns {string[]}
 */
export function manifests() {
  const folders = ['.', 'bench', 'tests', 'examples', ...inside('packages')];
  folders.push(...inside('packages/core/npm'), ...inside('packages/pdf/npm'));
  return folders.map((folder) => join(folder, 'package.json')).filter((path) => existsSync(join(root, path)));
}

/** @param {string} parent */
function inside(parent) {
  return readdirSync(join(root, parent))
    .toSorted()
    .map((name) => join(parent, name));
}
