import type { Runner } from '../../src/index.ts';

/** Runs a suite with a runner that only takes down what failed; the names of the tests, and why. */
export async function collect(suite: (runner: Runner) => void): Promise<{
  names: string[];
  failures: Map<string, string>;
}> {
  const tests: { name: string; body: () => Promise<void> }[] = [];
  suite({
    describe: (_, body) => body(),
    it: (name, body) => tests.push({ name, body }),
  });
  const failures = new Map<string, string>();
  for (const { name, body } of tests) {
    try {
      await body();
    } catch (error) {
      failures.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  return { names: tests.map(({ name }) => name), failures };
}
