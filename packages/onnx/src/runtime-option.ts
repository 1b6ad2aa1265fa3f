import { invalidInput } from '@memvid/core';
import type { Runtime } from './session.js';

/** An option that says what runs networks. */
export function checkRuntime(name: string, value: unknown): Runtime {
  const { name: own, open } = (value ?? {}) as Partial<Runtime>;
  if (typeof own !== 'string' || typeof open !== 'function') {
    throw invalidInput(name, value, 'an object with a name and a method open');
  }
  return value as Runtime;
}
