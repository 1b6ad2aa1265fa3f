import { loadNative, type NativeBinding } from '@memvid/core';
import { failureOfInput } from './failures.js';

/** Calls the engine on a file that need not be open; a failure names the file. */
export async function onFile<T>(path: string, call: (native: NativeBinding) => Promise<T>): Promise<T> {
  try {
    return await call(loadNative());
  } catch (error) {
    throw failureOfInput(path, error);
  }
}
