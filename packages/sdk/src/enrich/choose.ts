import {
  type EntityExtractor,
  type Factory,
  invalidInput,
  type LanguageModel,
  MemvidError,
  type Plugin,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import type * as WithModel from '../ask/with-model.js';
import { reading } from '../border.js';
import { isRecord } from '../check.js';
import { pluginMissing } from '../failures.js';
import type { Handle } from '../handle.js';
import { MadeOnce } from '../made-once.js';
import type { Engine } from './engine.js';
import { engineOfModel } from './model.js';
import { checkExtractor, engineOfNames, extractorOfReference, type NameOptions } from './names.js';

/** Who looks at the documents, as it was given. */
export type Given = string | EntityExtractor | LanguageModel;

/** Whether something is meant to look at documents, and is no options. */
export function isEngine(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'string';
  return ['spec', 'extract', 'extractBatch', 'generate'].some((member) => member in value);
}

export interface ChoiceOptions extends NameOptions {
  readonly apiKey: string | undefined;
  /** Loads what asks language models. */
  readonly languageModels: () => Promise<typeof WithModel>;
  readonly signal: AbortSignal;
}

const NER_PACKAGE = '@memvid/ner';
/** Names of its models, whoever has it. */
const OF_NER = /^(?:ner(?::.*)?|en-core-web-sm|distilbert-ner)$/u;

/**
 * The engine that a call names. Names of extractors come before those of language models: those of a registered one, and
 * `name:model` for a factory that makes any.
 */
export async function chosen(handle: Handle, given: Given, options: ChoiceOptions): Promise<Engine> {
  if (typeof given !== 'string') {
    const spec: unknown = reading('engine', () => given.spec);
    if (spec === 'entity-extractor/v1') {
      return engineOfNames(
        reading('engine', () => checkExtractor(given, 'engine')),
        options,
      );
    }
    const reference = reading('engine', () => extractorOfReference(given));
    if (reference !== undefined) return engineOfNames(reference, options);
    if (spec === 'language-model/v1') return ofModel(handle, given as LanguageModel, options);
    throw invalidInput('engine.spec', spec, '"entity-extractor/v1" or "language-model/v1"');
  }
  const name = given.trim();
  const found = await handle.embedders.search((plugins) => registered(plugins, name));
  if (found !== undefined) return engineOfNames(await extractorOf(handle, found), options);
  if (OF_NER.test(name.toLowerCase())) {
    throw pluginMissing('enrich', `no plugin has the entity extractor "${name}"`, NER_PACKAGE, 'nerPlugin');
  }
  const { namesLanguageModel } = await options.languageModels();
  if (await namesLanguageModel(handle, name)) return ofModel(handle, name, options);
  const names = handle.embedders.plugins.flatMap(({ entityExtractors, languageModels }) => [
    ...Object.keys(entityExtractors ?? {}),
    ...Object.keys(languageModels ?? {}).map((provider) => `${provider}:<model>`),
  ]);
  throw invalidInput(
    'engine',
    given,
    `"rules", an EntityExtractor, a LanguageModel, or a name that a plugin has (registered: ${[...new Set(names)].join(', ') || 'none'})`,
  );
}

async function ofModel(
  handle: Handle,
  given: LanguageModel | string,
  { apiKey, types, languageModels, signal }: ChoiceOptions,
): Promise<Engine> {
  // Names are found without it.
  const { generateText, languageModelOf } = await languageModels();
  const model = await languageModelOf(handle, given, { apiKey, operation: 'enrich', signal });
  return engineOfModel(model, types, generateText);
}

interface Found {
  readonly factory: Factory<EntityExtractor>;
  readonly name: string;
  readonly model: string | undefined;
}

function registered(plugins: readonly Plugin[], given: string): Found | undefined {
  const colon = given.indexOf(':');
  const provider = colon < 0 ? '' : given.slice(0, colon).trim().toLowerCase();
  const model = given.slice(colon + 1).trim();
  for (const wanted of [given.toLowerCase(), ...(provider === '' || model === '' ? [] : [provider])]) {
    for (const { entityExtractors } of plugins) {
      for (const [name, factory] of Object.entries(entityExtractors ?? {})) {
        if (name.toLowerCase() !== wanted) continue;
        return { factory, name, model: wanted === provider ? model : undefined };
      }
    }
  }
  return undefined;
}

/** Closed with the memory. */
const made = /* @__PURE__ */ new MadeOnce<EntityExtractor>();

function extractorOf(handle: Handle, found: Found): Promise<EntityExtractor> {
  return made.of(handle.embedders, found.factory, found.model, async () => {
    const extractor = await make(found);
    handle.whenClosed(() => extractor.close?.());
    return extractor;
  });
}

async function make({ factory, name, model }: Found): Promise<EntityExtractor> {
  const argument = `entityExtractors["${name}"]()`;
  try {
    const extractor: unknown = await factory(model === undefined ? {} : { model });
    return checkExtractor(isRecord(extractor) ? extractor : { spec: typeof extractor }, argument);
  } catch (error) {
    if (MemvidError.isMemvidError(error)) throw error;
    throw new UnsupportedOperationError(
      `The entity extractor "${name}" could not be made: ${toMemvidError(error).message}`,
      { details: { operation: 'enrich', reason: 'extractor', engine: name }, cause: error },
    );
  }
}
