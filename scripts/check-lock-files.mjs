// Lock files name packages and their hashes; the address of the server they came from is nobody else's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './lib/workspace.mjs';

const lines = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8').split('\n');
const found = lines.filter((line) => /(tarball|resolved)["']?:/.test(line) || /https?:\/\//.test(line));
if (found.length > 0) {
  console.error(`pnpm-lock.yaml holds download addresses:\n${found.slice(0, 5).join('\n')}`);
  process.exitCode = 1;
}
