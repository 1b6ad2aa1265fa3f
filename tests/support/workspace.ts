import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect } from 'vitest';

/** Says once what is left out and why; gives the condition for `skipIf`. */
export function leftOut(what: string, ...reasons: (string | undefined)[]): boolean {
  const reason = reasons.find((text) => text !== undefined);
  if (reason !== undefined) process.stderr.write(`skipped: ${what}: ${reason}\n`);
  return reason !== undefined;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of this test file alone, gone when it ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-product-'));
  folders.push(folder);
  return folder;
}

/** Nothing lies beside the memory. */
export function expectAlone(file: string): void {
  expect(readdirSync(dirname(file))).toEqual([basename(file)]);
}
