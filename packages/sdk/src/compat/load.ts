import { importInstalled, isNotInstalled } from '../discover.js';

/** Loads a plugin package on first use; `absent` makes the error for one that is not installed. */
export async function loadPackage(
  name: string,
  absent: (cause: unknown) => Error,
): Promise<Record<string, unknown>> {
  try {
    return (await importInstalled(name)) as Record<string, unknown>;
  } catch (error) {
    if (isNotInstalled(error, name)) throw absent(error);
    throw error;
  }
}

/** A class of a loaded package under the name the reference gives it. */
export function classOf<T>(
  module: Record<string, unknown>,
  name: string,
): (new (config: object) => T) | undefined {
  const value = module[name];
  return typeof value === 'function' ? (value as new (config: object) => T) : undefined;
}
