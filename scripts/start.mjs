// `npm start [-- FOLDER]`: sets up, builds, and shows the main job on real documents.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';

import { setUp } from './lib/set-up.mjs';
import { CommandError, root, runMain, toolEnvironment } from './lib/workspace.mjs';

const USAGE = `Usage: npm start [-- FOLDER]

Sets up, builds, and puts the text files (Markdown, plain text) of FOLDER into a new memory, then finds, asks and looks
back in time. Without FOLDER it reads the text files of this checkout. The memory is removed at the end.`;

await runMain(async () => {
  const words = process.argv.slice(2);
  if (words.includes('--help') || words.includes('-h')) {
    console.log(USAGE);
    return;
  }
  const folders = words.map(checkedFolder);
  if (folders.length > 1) throw new CommandError(`One folder at a time, please.\n${USAGE}`);
  await setUp();
  const demo = spawnSync('node', ['examples/demo.ts', ...folders], {
    cwd: root,
    env: toolEnvironment(),
    stdio: 'inherit',
  });
  process.exitCode = demo.status ?? 1;
});

/**
 * The full path of a folder that can be read. Looked at before the set-up, which takes minutes the first time.
 * @param {string} word
 */
function checkedFolder(word) {
  // npm starts scripts in the checkout; a relative folder is meant from where the user stands.
  const folder = resolve(process.env.INIT_CWD ?? process.cwd(), word);
  try {
    readdirSync(folder);
    return folder;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT' && word.startsWith('-')) {
      throw new CommandError(`There is no option ${word}; see: npm start -- --help`);
    }
    if (code === 'ENOENT') throw new CommandError(`There is no folder ${folder}`);
    if (code === 'ENOTDIR') throw new CommandError(`${folder} is not a folder; give the folder it is in`);
    throw new CommandError(`The folder ${folder} cannot be read (${code})`);
  }
}
