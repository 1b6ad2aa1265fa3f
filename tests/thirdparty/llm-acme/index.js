import { chatCompletions } from '@memvid/core/language-model';

/** Answers with a model of Acme, which speaks like OpenAI's. */
export function acme(model, options = {}) {
  return chatCompletions(
    {
      provider: 'acme',
      model,
      variables: ['ACME_API_KEY'],
      baseURL: 'https://api.acme.example',
      addressVariable: 'ACME_BASE_URL',
    },
    options,
  );
}

/** `acme` makes any model, as the option `model` says. */
export function acmePlugin(defaults = {}) {
  return {
    spec: 'plugin/v1',
    name: '@acme/llm-acme',
    version: '1.0.0',
    languageModels: { acme: ({ model, ...options } = {}) => acme(model, { ...defaults, ...options }) },
  };
}
