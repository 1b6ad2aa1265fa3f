import {
  type EntityExtractor,
  type ExtractedEntity,
  invalidInput,
  isWellFormed,
  MemvidError,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import type { EnrichRejection } from '../cards.js';
import { isRecord } from '../check.js';
import {
  type Engine,
  type FoundName,
  isWanted,
  type Looked,
  MOST_PLACES,
  type Outcome,
  rejection,
  statementsOfNames,
} from './engine.js';
import { isBlank, type Place, Searched } from './mentions.js';

export interface NameOptions {
  readonly minConfidence: number | undefined;
  readonly types: ReadonlySet<string> | undefined;
}

/** Looks at what is relied on: MV019 that names the member. */
export function checkExtractor(value: unknown, argument: string): EntityExtractor {
  const extractor = value as EntityExtractor;
  if (extractor?.spec !== 'entity-extractor/v1') {
    throw invalidInput(`${argument}.spec`, extractor?.spec, '"entity-extractor/v1"');
  }
  for (const name of ['provider', 'model'] as const) {
    const own: unknown = extractor[name];
    if (typeof own !== 'string' || own.trim() === '') {
      throw invalidInput(`${argument}.${name}`, own, 'a string that is not blank');
    }
  }
  if (typeof extractor.extract !== 'function') {
    throw invalidInput(`${argument}.extract`, extractor.extract, 'a function');
  }
  return extractor;
}

/** What extractors of the reference have: those of `getEntityExtractor`. */
interface ReferenceExtractor {
  readonly name: string;
  readonly entityTypes?: readonly string[];
  extractBatch(texts: string[], minConfidence?: number): Promise<ExtractedEntity[][]>;
}

/** An extractor with the members that the reference's have; `undefined` for something else. */
export function extractorOfReference(value: unknown): EntityExtractor | undefined {
  const given = value as Partial<ReferenceExtractor>;
  if ('spec' in given || typeof given.extractBatch !== 'function' || typeof given.name !== 'string') {
    return undefined;
  }
  const extractor = given as ReferenceExtractor;
  const [provider = '', ...model] = extractor.name.split(':');
  return checkExtractor(
    {
      spec: 'entity-extractor/v1',
      provider,
      model: model.join(':'),
      entityTypes: extractor.entityTypes ?? [],
      extract: (texts, { minConfidence } = {}) => extractor.extractBatch([...texts], minConfidence),
    } satisfies EntityExtractor,
    'engine',
  );
}

/** The names that an extractor finds. */
export function engineOfNames(extractor: EntityExtractor, options: NameOptions): Engine {
  const name = `${extractor.provider.toLowerCase()}:${extractor.model}`;
  const extract = async (documents: readonly Looked[], signal: AbortSignal): Promise<Outcome[]> => {
    const texts = documents.map(({ text }) => text);
    const { minConfidence } = options;
    const lists: unknown = await extractor.extract(
      texts,
      minConfidence === undefined ? { signal } : { signal, minConfidence },
    );
    if (!Array.isArray(lists) || lists.length !== documents.length) {
      throw failed(name, 'it does not give one list for each text');
    }
    return documents.map((document, index) => outcomeOf(document, lists[index], options));
  };
  let hasSucceeded = false;
  return {
    name,
    piece: 32,
    batch: 2048,
    async look(documents, signal, done): Promise<void> {
      const tried = async (some: readonly Looked[]): Promise<void> => {
        for (const outcome of await extract(some, signal)) done(outcome);
        hasSucceeded = true;
      };
      let ofAll: unknown;
      try {
        await tried(documents);
        return;
      } catch (error) {
        // A model that is missing is missing for every text; others may fail because of one.
        if (signal.aborted || MemvidError.isMemvidError(error)) throw error;
        ofAll = error;
      }
      const failures: Outcome[] = [];
      for (const document of documents) {
        try {
          if (documents.length === 1) throw ofAll;
          await tried([document]);
        } catch (thrown) {
          if (signal.aborted || MemvidError.isMemvidError(thrown)) throw thrown;
          const error = failed(name, toMemvidError(thrown).message, thrown);
          failures.push({ id: document.id, statements: [], rejected: [], error });
        }
      }
      // An extractor that fails on all is broken; of a single document that fails it may be the document.
      if (!hasSucceeded && failures.length > 1) throw failures[0]?.error;
      for (const failure of failures) done(failure);
    },
  };
}

function failed(name: string, why: string, cause?: unknown): UnsupportedOperationError {
  return new UnsupportedOperationError(`The entity extractor ${name} failed: ${why}`, {
    details: { operation: 'enrich', reason: 'extractor', engine: name },
    suggestion: 'Check the plugin with `entityExtractorContract` of `@memvid/plugin-kit`.',
    cause,
  });
}

function outcomeOf({ id, text }: Looked, list: unknown, { types, minConfidence }: NameOptions): Outcome {
  const rejected: EnrichRejection[] = [];
  const names: FoundName[] = [];
  const searched = new Searched(text);
  for (const entity of Array.isArray(list) ? (list as readonly unknown[]) : [list]) {
    if (!isEntity(entity)) {
      rejected.push(rejection(id, 'malformed', entity));
      continue;
    }
    const type = entity.type.toUpperCase();
    if (!isWanted(type, types) || entity.confidence < (minConfidence ?? 0)) continue;
    const places = placesIn(entity, searched);
    if (places.length === 0) rejected.push(rejection(id, 'not_in_text', entity));
    else names.push({ type, places, confidence: entity.confidence });
  }
  return { id, statements: statementsOfNames(text, names), rejected };
}

function isEntity(entity: unknown): entity is ExtractedEntity {
  return (
    isRecord(entity) &&
    isFilled(entity['name']) &&
    isFilled(entity['type']) &&
    // Its words are written apart.
    !isBlank(entity['type'].replaceAll('_', ' ')) &&
    typeof entity['confidence'] === 'number' &&
    entity['confidence'] >= 0 &&
    entity['confidence'] <= 1
  );
}

/** Half a character is none, and no file can hold it. */
function isFilled(value: unknown): value is string {
  return typeof value === 'string' && !isBlank(value) && isWellFormed(value);
}

/** The place it says, if that is so; else wherever the name stands. */
function placesIn({ name, start, end }: ExtractedEntity, searched: Searched): Place[] {
  if (start !== undefined && end !== undefined && searched.text.slice(start, end) === name) {
    return [{ start, end }];
  }
  return searched.placesOf(name, MOST_PLACES);
}
