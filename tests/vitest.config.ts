import { configDefaults, defineConfig } from 'vitest/config';

// Whole programs run here: packages are installed, processes are killed, the reference is asked.
// The stranger's plugin has a runner of its own.
export default defineConfig({
  test: {
    name: 'product',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    exclude: [...configDefaults.exclude, 'thirdparty/embed-acme/**'],
  },
});
