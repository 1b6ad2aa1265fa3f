import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { MemvidError } from '@memvid/core';

/** The key that services of the suites are asked with. */
export const KEY = 'test-key.0123456789_secret';

export async function failureOf(call: Promise<unknown>): Promise<MemvidError> {
  try {
    await call;
  } catch (error) {
    assert.ok(MemvidError.isMemvidError(error), `a MemvidError, not ${inspect(error)}`);
    return error;
  }
  assert.fail('the call succeeded');
}

/** Looks everywhere an error can carry something into a log. */
export function assertNoKey(error: MemvidError, key: string = KEY): void {
  const places = [
    inspect(error, { depth: 20, showHidden: true, maxStringLength: null }),
    JSON.stringify(error),
    error.formattedMessage,
  ];
  for (const place of places) assert.ok(!place.includes(key), 'the key stands in the error');
}

/** Takes environment variables away; the function it gives puts everything back. */
export function withoutSettings(names: readonly string[]): () => void {
  const before = new Map(names.map((name) => [name, process.env[name]]));
  for (const name of names) delete process.env[name];
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
