import { defineConfig } from 'vitest/config';

// Long texts are taken apart twice, and networks loaded, which takes its time on a machine that does other things as well.
export default defineConfig({ test: { name: 'onnx', testTimeout: 60_000 } });
