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
  const packages = publishable();
  const tarballs = await packAll(packages, join(root, 'dist-packs'));
  for (const tarball of tarballs) {
    console.log(`dist-packs/${basename(tarball)}  ${(statSync(tarball).size / 1e6).toFixed(2)} MB`);
  }
  // Written out: no two shells agree on how several files are named at once.
  const needed = tarballs.filter((_, at) => /^@memvid\/(?:sdk|core(?:-.+)?)$/.test(packages[at]?.name ?? ''));
  const quoted = needed.map((tarball) => (/\s/.test(tarball) ? `"${tarball}"` : tarball));
  console.log(`\nIn your application: npm install ${quoted.join(' ')}`);
  console.log('Each plugin is one more of them, with what its README names.');
});
