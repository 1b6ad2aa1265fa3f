import { defineConfig } from 'vitest/config';

// Models are loaded again and again, which takes its time on a machine that does other things as well.
export default defineConfig({ test: { name: 'ner', testTimeout: 30_000 } });
