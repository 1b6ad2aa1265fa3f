import { checkOptional, checkString, invalidInput } from '@memvid/core';
import { DISTILBERT } from './models.js';
import { type LocalEntityExtractor, ner } from './ner.js';
import type { NerOptions } from './options.js';

/** What the reference's extractors give. */
export interface Entity {
  name: string;
  type: string;
  /** 0 to 1. */
  confidence: number;
}

export interface LocalNERConfig extends NerOptions {
  /** Default: `distilbert-ner`, as in the reference; `en-core-web-sm` comes along. */
  readonly model?: string | undefined;
}

/** A local extractor with the members of the reference's classes; `@memvid/sdk/compat` loads it. */
export class LocalNER {
  readonly name: string;
  readonly #extractor: LocalEntityExtractor;

  constructor(config: LocalNERConfig = {}) {
    const { model, ...options } = config ?? {};
    this.#extractor = ner(checkOptional('model', model, checkString) ?? DISTILBERT.name, options);
    this.name = `${this.#extractor.provider}:${this.#extractor.model}`;
  }

  get entityTypes(): readonly string[] {
    return this.#extractor.entityTypes;
  }

  async extract(text: string, minConfidence?: number): Promise<Entity[]> {
    if (typeof text !== 'string') throw invalidInput('text', text, 'a string');
    const [entities = []] = await this.extractBatch([text], minConfidence);
    return entities;
  }

  async extractBatch(texts: string[], minConfidence?: number): Promise<Entity[][]> {
    const lists = await this.#extractor.extract(texts, { minConfidence });
    return lists.map((entities) =>
      entities.map(({ name, type, confidence }) => ({ name, type, confidence })),
    );
  }

  close(): Promise<void> {
    return this.#extractor.close();
  }
}
