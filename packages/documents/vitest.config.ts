import { defineConfig } from 'vitest/config';

// Large and hostile documents are read, which takes its time on a machine that does other things as well.
export default defineConfig({ test: { name: 'documents', testTimeout: 60_000 } });
