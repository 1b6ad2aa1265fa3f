/** What a suite needs of a test runner: those of node:test, vitest, jest and mocha fit. */
export interface Runner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}
