import { toMemvidError } from './errors.js';

/** Runs a call of the native engine; what it throws becomes a `MemvidError`. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toMemvidError(error);
  }
}

/** The same for calls that answer later, or at once when that is cheaper. Never throws: it rejects. */
export async function callNativeAsync<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toMemvidError(error);
  }
}
