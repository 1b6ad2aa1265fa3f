import { ApiKeyRequiredError, UnsupportedOperationError } from '@memvid/core';
import { isRecord } from '../check.js';
import { checkMemvidKey, getConfig } from '../configure.js';

/** Calls of the reference that need the vendor's server. They are here so that code compiles, and fail without a request. */

async function refuse(operation: string, args: readonly unknown[]): Promise<never> {
  const key = keyOf(args) ?? getConfig().apiKey;
  if (key === undefined || key === '') {
    throw new ApiKeyRequiredError(`${operation} needs a control-plane key (apiKey), and none was given`, {
      details: { setting: 'apiKey', operation },
    });
  }
  checkMemvidKey(key, 'apiKey');
  throw new UnsupportedOperationError(
    `${operation} is not possible: there is no control plane in this project`,
    {
      details: { operation },
      suggestion: 'Use a local file: `create(path)` or `open(path)`.',
    },
  );
}

function keyOf(args: readonly unknown[]): string | undefined {
  for (const argument of args) {
    const key = isRecord(argument) ? (argument['apiKey'] ?? argument['memvidApiKey']) : undefined;
    if (typeof key === 'string') return key;
  }
  return undefined;
}

export function createMemory(...args: unknown[]): Promise<never> {
  return refuse('createMemory', args);
}
export function listMemories(...args: unknown[]): Promise<never> {
  return refuse('listMemories', args);
}
export function createProject(...args: unknown[]): Promise<never> {
  return refuse('createProject', args);
}
export function listProjects(...args: unknown[]): Promise<never> {
  return refuse('listProjects', args);
}
export function validateConfig(...args: unknown[]): Promise<never> {
  return refuse('validateConfig', args);
}
export function getAclScopeFromApiKey(...args: unknown[]): Promise<never> {
  return refuse('getAclScopeFromApiKey', args);
}
export function syncTickets(...args: unknown[]): Promise<never> {
  return refuse('syncTickets', args);
}

/** There is no telemetry. */
export function isTelemetryEnabled(): false {
  return false;
}

/** There is nothing to flush. */
export async function flushAnalytics(): Promise<void> {
  // Nothing is collected.
}
