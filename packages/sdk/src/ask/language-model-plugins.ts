/** A provider of language models that comes with a package of this project. */
export interface LanguageModelPlugin {
  readonly packageName: string;
  /** What makes the plugin: `nvidiaPlugin()`. */
  readonly call: string;
  readonly keyVariable: string;
  /** The environment variable with the model that is meant when none is named. */
  readonly modelVariable?: string;
}

/** Which package asks the models of a provider. A table of data: `tests/plugins.test.ts` holds the packages to it. */
export const LANGUAGE_MODEL_PLUGINS: Readonly<Record<string, LanguageModelPlugin>> = {
  nvidia: {
    packageName: '@memvid/llm-nvidia',
    call: 'nvidiaPlugin()',
    keyVariable: 'NVIDIA_API_KEY',
    modelVariable: 'NVIDIA_LLM_MODEL',
  },
  openai: { packageName: '@memvid/llm-openai', call: 'openaiPlugin()', keyVariable: 'OPENAI_API_KEY' },
};
