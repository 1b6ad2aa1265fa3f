import { chatCompletions, type ChatOptions, type LanguageModel } from '@memvid/core/language-model';
import { ModelUnsupportedError } from '@memvid/core';

export interface NvidiaOptions extends ChatOptions {
  /** Default: the environment variable `NVIDIA_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Of the hosted service, or of a container of your own. Default: `NVIDIA_BASE_URL`, else `https://integrate.api.nvidia.com/v1`. */
  baseURL?: string | undefined;
}

/**
 * Answers with a model that NVIDIA hosts, or that runs in a container of yours: `nvidia('meta/llama-3.3-70b-instruct')`.
 * Without a name it is that of the environment variable `NVIDIA_LLM_MODEL`; without either MV018.
 */
export function nvidia(model: string | undefined = usualModel(), options: NvidiaOptions = {}): LanguageModel {
  if (typeof model !== 'string' || model.trim() === '') throw nameRequired();
  return chatCompletions(
    {
      provider: 'nvidia',
      model: model.trim(),
      variables: ['NVIDIA_API_KEY'],
      baseURL: 'https://integrate.api.nvidia.com',
      addressVariable: 'NVIDIA_BASE_URL',
    },
    options,
  );
}

function usualModel(): string | undefined {
  return process.env['NVIDIA_LLM_MODEL'];
}

function nameRequired(): ModelUnsupportedError {
  return new ModelUnsupportedError(
    'NVIDIA model name required: none was given, and NVIDIA_LLM_MODEL is not set',
    {
      details: { provider: 'nvidia', reason: 'missing_model', variable: 'NVIDIA_LLM_MODEL' },
      suggestion:
        'Pass a name (`nvidia("meta/llama-3.3-70b-instruct")`, or `model: "nvidia:<model>"`), or set the environment variable NVIDIA_LLM_MODEL.',
    },
  );
}
