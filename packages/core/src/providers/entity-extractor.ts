/** A name found in a text. */
export interface ExtractedEntity {
  /** As it stands in the text. */
  name: string;
  /** One of the extractor's `entityTypes`. */
  type: string;
  /** 0 to 1. */
  confidence: number;
  /** Place in the text, in UTF-16 units; `end` is behind the last. */
  start?: number | undefined;
  end?: number | undefined;
}

/** What comes with a request to an entity extractor. */
export interface ExtractEntitiesOptions {
  /** Leave out what is less certain, 0 to 1. Default: 0.5. */
  minConfidence?: number | undefined;
  /** Ends the request when aborted. */
  signal?: AbortSignal | undefined;
}

/** Finds names of persons, organisations and places in text. */
export interface EntityExtractor {
  readonly spec: 'entity-extractor/v1';
  /** Lower case: `local`, `openai`. */
  readonly provider: string;
  readonly model: string;
  /** Types it can report: `PERSON`, `ORG`, `LOCATION` … */
  readonly entityTypes: readonly string[];
  /** One list a text, in the order of the texts. */
  extract(
    texts: readonly string[],
    options?: ExtractEntitiesOptions,
  ): Promise<readonly (readonly ExtractedEntity[])[]>;
  /**
   * Frees what a model takes, behind the calls that run; a later `extract` takes it again. A memory closes the extractors that it
   * had made by name when it is closed itself, and none that it was given.
   */
  close?(): Promise<void>;
}
