// Checks the packages as they would be published: their contents, their types in every resolution mode, their weight.
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';

import { packAll, publishable } from './lib/publishable.mjs';
import { CommandError, must, root, runMain } from './lib/workspace.mjs';

const NATIVE_LIMIT = 6e6; // bytes of a platform package's tarball

await runMain(async () => {
  const packages = publishable();
  const tarballs = await packAll(packages, join(root, '.cache/packs'));
  for (const [index, tarball] of tarballs.entries()) {
    console.log(basename(tarball));
    if (packages[index]?.native) {
      const { size } = statSync(tarball);
      if (size > NATIVE_LIMIT) {
        throw new CommandError(`${basename(tarball)} has ${size} bytes, more than ${NATIVE_LIMIT}`);
      }
      continue;
    }
    await must('publint', ['run', tarball, '--strict']);
    // Packages are ESM only by decision; CommonJS gets them with require(esm).
    await must('attw', [tarball, '--profile', 'esm-only']);
  }
});
