import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      'packages/core',
      'packages/sdk',
      'packages/onnx',
      'packages/embed-local',
      'tests',
      'bench',
      'examples',
    ],
    passWithNoTests: true,
  },
});
