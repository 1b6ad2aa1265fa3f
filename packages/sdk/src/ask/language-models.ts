import {
  type Factory,
  InvalidInputError,
  isOn,
  type LanguageModel,
  ModelUnsupportedError,
  type Plugin,
  PluginMissingError,
  withoutSecrets,
} from '@memvid/core';
import { assertModelReady, checkLanguageModel, failureOfModel } from '@memvid/core/language-model';
import { reading } from '../border.js';
import { ownValue } from '../check.js';
import type { Handle } from '../handle.js';
import { MadeOnce } from '../made-once.js';
import { LANGUAGE_MODEL_PLUGINS } from './language-model-plugins.js';
import type { Asked } from './retrieval.js';

const made = /* @__PURE__ */ new MadeOnce<LanguageModel>();

/** For what a language model is wanted. */
interface ModelCall {
  /** Of the call's own. */
  readonly apiKey: string | undefined;
  readonly operation: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * The language model that a call asks for: an object, `provider:model`, or a name that a plugin registered. What is
 * missing (the name, the key, the network, the package) is MV018 now, before anything leaves.
 */
export async function languageModelOf(
  handle: Handle,
  given: LanguageModel | string,
  { apiKey, operation, signal }: ModelCall,
): Promise<LanguageModel> {
  if (typeof given !== 'string' && apiKey !== undefined) {
    // Its value is not shown, whatever it is.
    const expected = 'left out when `model` is an object, which has its own key';
    throw new InvalidInputError(`\`modelApiKey\` must be ${expected}`, {
      details: { argument: 'modelApiKey', received: 'a string', expected },
    });
  }
  const model =
    typeof given === 'string'
      ? await named(handle, given, apiKey, operation)
      : reading('model', () => checkLanguageModel(given, 'model'));
  await assertModelReady(model, { signal });
  return model;
}

/** The language model that a question asks for. What makes it, and what says whether it is ready, may hang. */
export function modelOfQuestion(
  handle: Handle,
  given: LanguageModel | string,
  { modelApiKey, signal }: Pick<Asked, 'modelApiKey' | 'signal'>,
): Promise<LanguageModel> {
  const call = { apiKey: modelApiKey, operation: 'ask' };
  return handle.embedding('ask', 'question', signal, (own) =>
    languageModelOf(handle, given, { ...call, signal: own }),
  );
}

/** Whether a name is that of a language model: one that a plugin has, or of a provider that is known. */
export async function namesLanguageModel({ embedders }: Handle, name: string): Promise<boolean> {
  if (ownValue(LANGUAGE_MODEL_PLUGINS, partsOf(name).provider) !== undefined) return true;
  return (await embedders.search((plugins) => registered(plugins, name))) !== undefined;
}

async function named(
  handle: Handle,
  name: string,
  apiKey: string | undefined,
  operation: string,
): Promise<LanguageModel> {
  const { embedders } = handle;
  const { apiKeys } = handle.settings;
  const found = await embedders.search((plugins) => registered(plugins, name));
  if (found === undefined) checkModel(name, apiKey, apiKeys, namesOf(embedders.plugins), operation);
  // What is made with a key of the call's own is for this call alone.
  if (apiKey !== undefined) return make(found, name, apiKey);
  return made.of(embedders, found.factory, found.model, () => make(found, name, apiKeys.get(found.provider)));
}

async function make(
  { factory, provider, model }: Found,
  name: string,
  apiKey: string | undefined,
): Promise<LanguageModel> {
  const argument = `languageModels["${provider}"]()`;
  try {
    const given = await factory({
      ...(model === undefined ? {} : { model }),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    return reading(argument, () => checkLanguageModel(given, argument));
  } catch (thrown) {
    throw failureOfModel(thrown, { provider, model: model ?? name });
  }
}

interface Found {
  readonly factory: Factory<LanguageModel>;
  /** Whose key it is given. */
  readonly provider: string;
  /** To be passed on. */
  readonly model: string | undefined;
}

/** A name as it was registered, or the factory that bears the provider's name and makes any model. */
function registered(plugins: readonly Plugin[], name: string): Found | undefined {
  const { provider, model } = partsOf(name);
  for (const wanted of new Set([name.trim().toLowerCase(), provider])) {
    for (const { languageModels } of plugins) {
      for (const [own, factory] of Object.entries(languageModels ?? {})) {
        if (own.toLowerCase() !== wanted) continue;
        return { factory, provider, model: wanted === provider ? model : undefined };
      }
    }
  }
  return undefined;
}

/** `provider:model`. A provider alone stands for the model that its variable names. */
function partsOf(name: string): { provider: string; model: string | undefined } {
  const colon = name.indexOf(':');
  const provider = (colon < 0 ? name : name.slice(0, colon)).trim().toLowerCase();
  const model = colon < 0 ? '' : name.slice(colon + 1).trim();
  if (model !== '') return { provider, model };
  const variable = ownValue(LANGUAGE_MODEL_PLUGINS, provider)?.modelVariable;
  return { provider, model: (variable === undefined ? '' : process.env[variable]?.trim()) || undefined };
}

function namesOf(plugins: readonly Plugin[]): string[] {
  return [...new Set(plugins.flatMap(({ languageModels }) => Object.keys(languageModels ?? {})))];
}

/**
 * Refuses the name of a language model that no plugin has, with the first thing that is missing: its name, its key, the
 * network, its package. Nothing is contacted.
 */
export function checkModel(
  name: string,
  key: string | undefined,
  keys: ReadonlyMap<string, string>,
  names: readonly string[] = [],
  operation: string = 'ask',
): never {
  const { provider, model } = partsOf(name);
  const known = ownValue(LANGUAGE_MODEL_PLUGINS, provider);
  if (known === undefined || (model === undefined && known.modelVariable === undefined)) {
    const registeredNames = names.map((own) => `"${own}:<model>"`).join(', ');
    throw new ModelUnsupportedError(`unsupported model '${name}'`, {
      details: { operation, model: withoutSecrets(name), registered: names },
      ...(names.length === 0
        ? {}
        : {
            suggestion: `Write one that a plugin has (${registeredNames}), or pass a LanguageModel object.`,
          }),
    });
  }
  const { packageName, keyVariable: variable, modelVariable, call } = known;
  if (model === undefined) {
    throw new ModelUnsupportedError(
      `${provider.toUpperCase()} model name required: neither "${provider}:<model>" nor ${modelVariable} gives one`,
      {
        details: { operation, provider, reason: 'missing_model', variable: modelVariable },
        suggestion: `Pass \`model: "${provider}:<model>"\`, or set the environment variable ${modelVariable}.`,
      },
    );
  }
  const install = `Install it: npm install ${packageName}. Then pass it: import { ${call.replace('()', '')} } from '${packageName}', and open(path, { plugins: [${call}] }).`;
  if (!key && !keys.get(provider) && !process.env[variable]?.trim()) {
    throw new ModelUnsupportedError(`The model '${name}' needs a key, and ${variable} is not set`, {
      details: { operation, provider, model, variable, reason: 'missing_key' },
      suggestion: `Set the environment variable ${variable}, or pass \`modelApiKey\`. The package ${packageName} is needed, too. ${install}`,
    });
  }
  if (isOn(process.env['MEMVID_OFFLINE'])) {
    throw new ModelUnsupportedError(
      `The model '${name}' needs the network, and MEMVID_OFFLINE is on (offline)`,
      { details: { operation, provider, model, reason: 'offline' } },
    );
  }
  throw new PluginMissingError(
    `The model '${name}' needs the package ${packageName}, which was not passed in`,
    { details: { operation, provider, model, package: packageName }, suggestion: install },
  );
}
