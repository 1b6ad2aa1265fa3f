import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: ['src/index.ts', 'src/onnx-worker.ts'],
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: { oxc: true },
  clean: true,
  // Documentation stands in the declarations; in the code it would only weigh.
  outputOptions: { comments: { jsdoc: false, annotation: true, legal: true } },
  fixedExtension: false,
});
