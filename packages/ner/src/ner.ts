import {
  checkArray,
  checkOptional,
  type EntityExtractor,
  type ExtractedEntity,
  type ExtractEntitiesOptions,
  invalidInput,
} from '@memvid/core';
import { endedBySignal, inLanes, Loader } from '@memvid/onnx';
import { failureOf } from './failure.js';
import { loadModel, type ModelRequest } from './model-folder.js';
import { ENGLISH, modelOfName, type NamedModel } from './models.js';
import { checkConfidence, checkedOptions, type NerOptions } from './options.js';
import type { EntityModel } from './span.js';
import { typeOf, typesOf } from './types.js';

/** A name found in a text. */
export interface NamedEntity extends ExtractedEntity {
  /** What the model itself calls it: `GPE`, `NORP`, `B-PER` without its prefix. */
  label: string;
  start: number;
  end: number;
}

/** An extractor that runs on this machine. */
export interface LocalEntityExtractor extends EntityExtractor {
  extract(
    texts: readonly string[],
    options?: ExtractEntitiesOptions,
  ): Promise<readonly (readonly NamedEntity[])[]>;
  /** Waits for calls that run and frees the network. The next call of `extract` loads it again. */
  close(): Promise<void>;
}

/** Least certainty when nobody says another. */
const MIN_CONFIDENCE = 0.5;
/** What a folder that nobody knows is thought to find until it is loaded: what most models are taught. */
const USUAL_TYPES: readonly string[] = ['PERSON', 'ORG', 'LOCATION', 'MISC'];

/**
 * Finds names in text with a model on this machine; no socket is opened, ever. The model is looked for and loaded with the
 * first call of `extract`; when it is not there that fails with MV017, which says how to get it.
 *
 * @param name `en-core-web-sm` (the default; it comes along), `distilbert-ner`, or a folder among the models.
 */
export function ner(name: string = ENGLISH.name, options?: NerOptions): LocalEntityExtractor {
  return new LocalModelExtractor(modelOfName(name), checkedOptions(options));
}

class LocalModelExtractor implements LocalEntityExtractor {
  readonly spec = 'entity-extractor/v1';
  readonly provider = 'local';
  readonly model: string;
  readonly #minConfidence: number;
  readonly #wanted: readonly string[] | undefined;
  readonly #request: ModelRequest;
  readonly #running = new Set<Promise<unknown>>();
  #types: readonly string[];
  readonly #model = new Loader(
    () => this.#load(),
    ({ usable }) => usable,
  );

  constructor(model: NamedModel, options: NerOptions) {
    const { directory, threads, runtime, entityTypes, minConfidence = MIN_CONFIDENCE } = options;
    this.model = model.name;
    this.#request = { model, directory, threads, runtime, fail: failureOf(model.name) };
    this.#minConfidence = minConfidence;
    this.#wanted = entityTypes;
    this.#types = model.entityTypes ?? USUAL_TYPES;
    const unknown = entityTypes?.find((type) => model.entityTypes?.includes(type) === false);
    if (unknown !== undefined) {
      throw invalidInput(
        'entityTypes',
        unknown,
        `among what ${model.name} finds (${this.#types.join(', ')})`,
      );
    }
  }

  get entityTypes(): readonly string[] {
    return this.#wanted ?? this.#types;
  }

  async extract(
    texts: readonly string[],
    options: ExtractEntitiesOptions = {},
  ): Promise<readonly (readonly NamedEntity[])[]> {
    // Halves of characters are no error here: a text may be a piece of another.
    const given = checkArray('texts', texts).map((text, index) => {
      if (typeof text !== 'string') throw invalidInput(`texts[${index}]`, text, 'a string');
      return text;
    });
    const { signal } = options;
    const least =
      checkOptional('minConfidence', options.minConfidence, checkConfidence) ?? this.#minConfidence;
    const running = endedBySignal('extract', signal, async () =>
      given.length === 0 ? [] : this.#extract(given, least, signal),
    );
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async close(): Promise<void> {
    const loading = this.#model.take();
    await Promise.allSettled(this.#running);
    const loaded = await loading?.catch(() => undefined);
    await loaded?.close();
  }

  async #extract(
    texts: readonly string[],
    least: number,
    signal: AbortSignal | undefined,
  ): Promise<NamedEntity[][]> {
    const model = await this.#model.loaded();
    const found = Array.from<NamedEntity[]>({ length: texts.length });
    await inLanes(texts.length, 1, signal, async (index) => {
      found[index] = await this.#namesIn(texts[index] ?? '', model, least, signal);
    });
    return found;
  }

  async #namesIn(
    text: string,
    model: EntityModel,
    least: number,
    signal: AbortSignal | undefined,
  ): Promise<NamedEntity[]> {
    const entities: NamedEntity[] = [];
    for (const { start, end, label, confidence } of await model.find(text, signal)) {
      const type = typeOf(label);
      if (confidence < least || this.#wanted?.includes(type) === false) continue;
      entities.push({ name: text.slice(start, end), type, label, confidence, start, end });
    }
    return entities;
  }

  async #load(): Promise<EntityModel> {
    const model = await loadModel(this.#request);
    this.#types = typesOf(model.labels);
    return model;
  }
}
