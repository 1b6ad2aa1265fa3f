import { EmbeddingFailedError, MemvidError } from '@memvid/core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Failure } from '../../src/index.ts';

/** Errors as a plugin for embeddings makes them. */
export const fail: Failure = (message, options) => new EmbeddingFailedError(message, options);

/** The error of a call that has to fail. */
export async function failure(call: Promise<unknown>): Promise<MemvidError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!MemvidError.isMemvidError(error)) throw new Error('it did not fail as it should', { cause: error });
  return error;
}

/** A folder of this test alone. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-onnx-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
