import { defineConfig } from 'vitest/config';

// Networks are loaded, which takes its time on a machine that does other things as well.
export default defineConfig({ test: { name: 'embed-local', testTimeout: 60_000 } });
