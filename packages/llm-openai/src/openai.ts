import { chatCompletions, type ChatOptions, type LanguageModel } from '@memvid/core/language-model';
import { ModelUnsupportedError } from '@memvid/core';

export interface OpenAIOptions extends ChatOptions {
  /** Default: the environment variable `OPENAI_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Of the service or of one that speaks like it. Default: `OPENAI_BASE_URL`, else `https://api.openai.com/v1`. */
  baseURL?: string | undefined;
  /** Default: `OPENAI_ORG_ID`. */
  organization?: string | undefined;
  /** Default: `OPENAI_PROJECT_ID`. */
  project?: string | undefined;
  /**
   * What the service calls the most tokens of an answer. Default `"max_completion_tokens"`; many that speak like OpenAI's
   * know only `"max_tokens"`.
   */
  maxTokensField?: 'max_completion_tokens' | 'max_tokens' | undefined;
}

/** Answers with a model of OpenAI, or of a service that speaks like it. */
export function openai(model: string, options: OpenAIOptions = {}): LanguageModel {
  if (typeof model !== 'string' || model.trim() === '') throw nameRequired();
  return chatCompletions(
    {
      provider: 'openai',
      model: model.trim(),
      variables: ['OPENAI_API_KEY'],
      baseURL: 'https://api.openai.com',
      addressVariable: 'OPENAI_BASE_URL',
      maxTokensField: options.maxTokensField ?? 'max_completion_tokens',
      headers: () => ({
        ...header('openai-organization', options.organization ?? process.env['OPENAI_ORG_ID']),
        ...header('openai-project', options.project ?? process.env['OPENAI_PROJECT_ID']),
      }),
    },
    options,
  );
}

function header(name: string, value: string | undefined): Record<string, string> {
  return value === undefined || value.trim() === '' ? {} : { [name]: value.trim() };
}

function nameRequired(): ModelUnsupportedError {
  return new ModelUnsupportedError('OpenAI model name required: none was given', {
    details: { provider: 'openai', reason: 'missing_model' },
    suggestion: 'Pass a name: `openai("<model>")`, or `model: "openai:<model>"`.',
  });
}
