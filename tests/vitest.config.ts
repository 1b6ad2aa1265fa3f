import { configDefaults, defineConfig } from 'vitest/config';

// Whole programs run here: packages are installed, processes are killed, the reference is asked.
// Strangers' plugins have runners of their own.
export default defineConfig({
  test: {
    name: 'product',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    exclude: [...configDefaults.exclude, 'thirdparty/*/**'],
  },
});
