import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MemvidError } from '@memvid/core';
import { onTestFinished } from 'vitest';

/** A folder among the models that lie beside the checkout of those who work on it, or why it is not there. */
export function sharedModel(name: string): { folder: string; missing: string | undefined } {
  const folder = join(import.meta.dirname, '../../../../../shared/models', name);
  const missing = existsSync(folder) ? undefined : `../shared/models/${name} is not here`;
  if (missing !== undefined) process.stderr.write(`skipped: ${missing}\n`);
  return { folder, missing };
}

/** A folder of this test alone. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-ner-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder of models with one in it. */
export function folderOf(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  const directory = scratch();
  for (const [path, content] of Object.entries(files)) {
    const file = join(directory, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return directory;
}

/** Places in UTF-16 units by places in code points: goldens made in Python count these. */
export function unitsOf(text: string): number[] {
  const units = [0];
  for (const character of text) units.push((units.at(-1) ?? 0) + character.length);
  return units;
}

/** The error of a call that has to fail. */
export async function failure(call: Promise<unknown>): Promise<MemvidError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!MemvidError.isMemvidError(error)) throw new Error('it did not fail as it should', { cause: error });
  return error;
}
