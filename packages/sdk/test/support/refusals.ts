import { expect } from 'vitest';
import * as sdk from '../../src/index.ts';

/** A value that the types refuse. */
export const wrong = (value: unknown): never => value as never;

/** The failure of a call that has to fail. */
export async function expectFailure(call: () => unknown): Promise<sdk.MemvidError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    expect(error).toBeInstanceOf(sdk.MemvidError);
    return error as sdk.MemvidError;
  }
  throw new Error(`The call was carried out: ${JSON.stringify(result)}`);
}

/** The call fails with MV019 and names what it is about. */
export async function expectRefused(call: () => unknown, culprit: string): Promise<sdk.MemvidError> {
  const failure = await expectFailure(call);
  expect(failure.code).toBe('MV019');
  expect(failure.message).toContain(culprit);
  expect(failure.suggestion).toEqual(expect.any(String));
  return failure;
}

/** An array of nothing but holes. */
export function holes(length: number): never[] {
  const list: never[] = [];
  list.length = length;
  return list;
}

/** An object that throws whatever is asked of it. */
export function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
