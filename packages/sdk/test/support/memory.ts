import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { create, type Memvid, type CreateOptions } from '../../src/index.ts';

// These tests write files and start programs; a busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });
/** For what `vi.waitFor` waits for. */
export const PATIENCE = { timeout: 30_000 } as const;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of this test alone. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-sdk-'));
  folders.push(folder);
  return folder;
}

/** The path of a memory that does not exist yet, in a folder of its own. */
export function freshPath(): string {
  return join(scratch(), 'notes.mv2');
}

/** A new memory, closed at the end of the block that holds it (`await using`). */
export async function freshMemory(options?: CreateOptions): Promise<Memvid & { file: string }> {
  const file = freshPath();
  return Object.assign(await create(file, options), { file });
}

/** Closes a memory whose calls hang, without waiting for the ten seconds that they are given. */
export async function closeBehindGrace(memory: Memvid): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const closing = memory.close();
  await vi.advanceTimersByTimeAsync(10_100);
  vi.useRealTimers();
  await closing;
}

/** Fingerprint of a file's bytes. */
export function digest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Nothing lies beside the memory. */
export function expectAlone(file: string): void {
  expect(readdirSync(dirname(file))).toEqual([basename(file)]);
}

/** Numbers from 0 to 1 that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}
