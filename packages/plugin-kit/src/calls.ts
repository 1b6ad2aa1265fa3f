import assert from 'node:assert/strict';

/** How long a call may go on after its signal, in milliseconds. */
const PATIENCE = 5000;

/** A call whose signal is aborted before it begins must reject. */
export async function assertRefusesAborted(call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  await assert.rejects(
    settled(async () => call(AbortSignal.abort())),
    (error) => {
      assert.ok(!(error instanceof Unsettled), 'a call with an aborted signal must reject, but went on');
      return true;
    },
    'a call with an aborted signal must reject',
  );
}

/**
 * A call that is aborted under way must end without its answer: nobody waits for it, and what it costs would be spent. One
 * that is over before its signal is aborted had nothing to end.
 */
export async function assertEndsWhenAborted(call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  const ending = settled(async () => call(stop.signal)).then(
    () => assert.ok(!stop.signal.aborted, 'an aborted call must reject, but gave its answer'),
    (error: unknown) => {
      assert.ok(!(error instanceof Unsettled), `an aborted call must end, but went on for ${PATIENCE} ms`);
    },
  );
  setImmediate(() => stop.abort());
  await ending;
}

class Unsettled extends Error {}

async function settled(call: () => Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Unsettled('the call did not end')), PATIENCE);
    });
    return await Promise.race([call(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a call and checks that it left its argument as it was. */
export async function leavingUnchanged<T, Input>(
  input: Input,
  call: (input: Input) => Promise<T>,
): Promise<T> {
  const before = structuredClone(input);
  const result = await call(input);
  assert.deepEqual(input, before, 'the call changed what it was given');
  return result;
}

/** The members every provider has beside its calls. */
export function assertNames(provider: { provider: unknown; model: unknown }): void {
  for (const name of ['provider', 'model'] as const) {
    const value = provider[name];
    assert.ok(
      typeof value === 'string' && value.trim() !== '',
      `\`${name}\` must be a string that is not blank`,
    );
  }
  assert.equal(provider.provider, String(provider.provider).toLowerCase(), '`provider` must be lower case');
}

export function assertWhole(value: unknown, name: string, min: number = 1): void {
  assert.ok(
    Number.isSafeInteger(value) && Number(value) >= min,
    `\`${name}\` must be a whole number of at least ${min}`,
  );
}
