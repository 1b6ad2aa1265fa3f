// `pnpm pack:all`: writes every publishable tarball, this machine's platform package included, into dist-packs/.
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';

import { packAll, publishable } from './lib/publishable.mjs';
import { must, root, runMain } from './lib/workspace.mjs';

await runMain(async () => {
  for (const name of ['@memvid/core', '@memvid/pdf']) {
    await must('pnpm', ['--silent', '--filter', name, 'build:native']);
  }
  await must('turbo', ['run', 'build', '--output-logs=errors-only']);
  for (const tarball of await packAll(publishable(), join(root, 'dist-packs'))) {
    console.log(`dist-packs/${basename(tarball)}  ${(statSync(tarball).size / 1e6).toFixed(2)} MB`);
  }
});
