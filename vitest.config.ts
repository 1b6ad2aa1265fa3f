import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      'packages/core',
      'packages/sdk',
      'packages/onnx',
      'packages/pdf',
      'packages/tables',
      'packages/embed-local',
      'packages/embed-openai',
      'packages/embed-cohere',
      'packages/embed-voyage',
      'packages/embed-nvidia',
      'packages/clip',
      'packages/documents',
      'packages/llm-nvidia',
      'packages/llm-openai',
      'packages/ner',
      'packages/ner-model-en',
      'packages/plugin-kit',
      'tests',
      'bench',
      'examples',
    ],
    passWithNoTests: true,
  },
});
