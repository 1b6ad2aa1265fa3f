import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The models that lie beside the checkout of those who work on it, or why they are not there. */
export const SHARED: string = join(import.meta.dirname, '../../../../../shared/models');
export const MISSING: string | undefined = existsSync(join(SHARED, 'clip-tiny-shapes/vision_model.onnx'))
  ? undefined
  : '../shared/models/clip-tiny-shapes is not here';
if (MISSING !== undefined) process.stderr.write(`skipped: tests with the toy model: ${MISSING}\n`);

/** A toy that was taught eight colours of four shapes and nothing else: it shows that things are connected, not what CLIP knows. */
export const TOY: string = join(SHARED, 'clip-tiny-shapes');

/** A folder of this test alone. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-clip-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function product(left: ArrayLike<number>, right: ArrayLike<number>): number {
  return Array.from(left).reduce((sum, value, index) => sum + value * (right[index] ?? Number.NaN), 0);
}

/** The greatest difference of two vectors in one place. */
export function difference(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) return Number.POSITIVE_INFINITY;
  return Array.from(left).reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (right[index] ?? Number.NaN))),
    0,
  );
}
