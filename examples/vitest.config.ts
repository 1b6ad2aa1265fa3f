import { defineConfig } from 'vitest/config';

// Whole programs run here, which takes its time on a machine that does other things as well.
export default defineConfig({ test: { name: 'examples', testTimeout: 60_000 } });
