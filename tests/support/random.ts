/**
 * A seed from the environment, printed, so that a failure can be repeated. Without one, tests take always the same, so that
 * a change decides whether they pass, and commands a new one.
 */
export function seed(variable: string, otherwise: number = Date.now() % 1_000_000): number {
  const value = Number(process.env[variable] ?? otherwise);
  process.stderr.write(`${variable}=${value}\n`);
  return value;
}

/** Numbers from 0 to 1 that a seed decides. */
export function randomNumbers(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}
