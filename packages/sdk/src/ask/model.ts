import { isOn, ModelUnsupportedError, PluginMissingError, withoutSecrets } from '@memvid/core';

interface ModelProvider {
  readonly packageName: string;
  readonly keyVariable: string;
}

/** Providers whose plugin packages exist by name. A table of data, so that an error can give the install line. */
const PROVIDERS: Readonly<Record<string, ModelProvider>> = {
  nvidia: { packageName: '@memvid/llm-nvidia', keyVariable: 'NVIDIA_API_KEY' },
  openai: { packageName: '@memvid/llm-openai', keyVariable: 'OPENAI_API_KEY' },
};

/**
 * Refuses a language model with the first thing that is missing: its name, its key, the network, its package.
 * Nothing is contacted. Answers by a model come with the language-model packages; this version has none.
 */
export function checkModel(name: string, key: string | undefined, keys: ReadonlyMap<string, string>): never {
  const colon = name.indexOf(':');
  const provider = (colon < 0 ? name : name.slice(0, colon)).trim().toLowerCase();
  const model = colon < 0 ? '' : name.slice(colon + 1).trim();
  const known = Object.hasOwn(PROVIDERS, provider) ? PROVIDERS[provider] : undefined;
  if (known === undefined || (model === '' && provider !== 'nvidia')) {
    throw new ModelUnsupportedError(`unsupported model '${name}'`, {
      details: { operation: 'ask', model: withoutSecrets(name) },
    });
  }
  if (model === '' && !process.env['NVIDIA_LLM_MODEL']) {
    throw new ModelUnsupportedError(
      'NVIDIA model name required: neither "nvidia:<model>" nor NVIDIA_LLM_MODEL gives one',
      {
        details: { operation: 'ask', provider, variable: 'NVIDIA_LLM_MODEL' },
        suggestion: 'Pass `model: "nvidia:<model>"`, or set the environment variable NVIDIA_LLM_MODEL.',
      },
    );
  }
  const variable = known.keyVariable;
  if (!key && !keys.get(provider) && !process.env[variable]) {
    throw new ModelUnsupportedError(`The model '${name}' needs a key, and ${variable} is not set`, {
      details: { operation: 'ask', provider, variable, reason: 'missing_key' },
    });
  }
  if (isOn(process.env['MEMVID_OFFLINE'])) {
    throw new ModelUnsupportedError(
      `The model '${name}' needs the network, and MEMVID_OFFLINE is on (offline)`,
      {
        details: { operation: 'ask', provider, reason: 'offline' },
      },
    );
  }
  throw new PluginMissingError(
    `The model '${name}' needs the package ${known.packageName}, which is not installed`,
    {
      details: { operation: 'ask', provider, package: known.packageName },
    },
  );
}
