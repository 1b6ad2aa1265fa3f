import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(import.meta.dirname, '../../peers/tantivy');
const TARGET = join(import.meta.dirname, '../../.cache/tantivy');

/** Where the built program is. */
export function tantivyProgram(): string {
  const ending = process.platform === 'win32' ? '.exe' : '';
  return join(TARGET, 'release', `bench-tantivy${ending}`);
}

export function isTantivyBuilt(): boolean {
  return existsSync(tantivyProgram());
}

/** Builds the program, which takes a minute or two the first time. Why it cannot be measured, if so. */
export function missingTantivy(): string | undefined {
  const words = ['build', '--release', '--locked', '--quiet', '--manifest-path', join(SOURCE, 'Cargo.toml')];
  const built = spawnSync('cargo', [...words, '--target-dir', TARGET], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (built.error !== undefined) return 'cargo is not installed';
  return built.status === 0 ? undefined : 'the Rust program cannot be built';
}
