// `npm start [-- FOLDER]`: sets up, builds, and shows the main job on real documents.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

import { setUp } from './lib/set-up.mjs';
import { root, runMain, toolEnvironment } from './lib/workspace.mjs';

await runMain(async () => {
  // npm starts scripts in the checkout; a relative folder is meant from where the user stands.
  const from = process.env.INIT_CWD ?? process.cwd();
  const folders = process.argv.slice(2).map((folder) => resolve(from, folder));
  await setUp();
  const demo = spawnSync('node', ['examples/demo.ts', ...folders], {
    cwd: root,
    env: toolEnvironment(),
    stdio: 'inherit',
  });
  process.exitCode = demo.status ?? 1;
});
