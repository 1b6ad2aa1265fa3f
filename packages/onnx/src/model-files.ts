import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Failure, fileFailure, messageOf } from './failure.js';

/** Places where the network may stand in the folder of a model, in the order in which they are tried. */
export const NETWORK_FILES: readonly string[] = [
  'model.onnx',
  'onnx/model.onnx',
  'model_quantized.onnx',
  'onnx/model_quantized.onnx',
];

/** The absolute paths of those of `names` that are files in `folder`, in their order. */
export async function filesIn(folder: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const is = await stat(path).then(
        (entry) => entry.isFile(),
        () => false,
      );
      return is ? [path] : [];
    }),
  );
  return found.flat();
}

/** The object in a file of JSON, or `undefined` when there is no such file. A damaged one fails. */
export async function readJson(path: string, fail: Failure): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileFailure(fail, `${path} cannot be read`, error);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch (error) {
    throw fail(`${path} is not JSON: ${messageOf(error)}`, {
      details: { reason: 'invalid_model', path },
      cause: error,
    });
  }
  throw fail(`${path} holds no JSON object`, { details: { reason: 'invalid_model', path } });
}
