import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Networks are loaded and processes started: on a machine that has much else to do that takes its time.
  test: { name: 'clip', testTimeout: 120_000 },
});
