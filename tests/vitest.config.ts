import { defineConfig } from 'vitest/config';

// Whole programs run here: packages are installed, processes are killed, the reference is asked.
export default defineConfig({ test: { name: 'product', testTimeout: 60_000, hookTimeout: 120_000 } });
