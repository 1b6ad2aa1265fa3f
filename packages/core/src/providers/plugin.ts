import type { DocumentParser } from './document-parser.js';
import type { Embedder } from './embedder.js';
import type { EntityExtractor } from './entity-extractor.js';
import type { ImageEmbedder } from './image-embedder.js';
import type { LanguageModel } from './language-model.js';
import type { TableExtractor } from './table-extractor.js';

/** Options of a factory, as the user passes them; each plugin documents its own. */
export type FactoryOptions = Readonly<Record<string, unknown>>;

/** Makes a provider. Called only when its name is used, so it may load what is heavy. */
export type Factory<T> = (options?: FactoryOptions) => T | Promise<T>;

/**
 * A set of providers by name. A plain object; nothing happens until one of its factories is called.
 * Names are what a user writes: `create(path, { plugins: [plugin], embedder: 'openai-small' })`.
 */
export interface Plugin {
  readonly spec: 'plugin/v1';
  /** The package's name. */
  readonly name: string;
  readonly version?: string | undefined;
  readonly embedders?: Readonly<Record<string, Factory<Embedder>>> | undefined;
  readonly languageModels?: Readonly<Record<string, Factory<LanguageModel>>> | undefined;
  readonly imageEmbedders?: Readonly<Record<string, Factory<ImageEmbedder>>> | undefined;
  readonly entityExtractors?: Readonly<Record<string, Factory<EntityExtractor>>> | undefined;
  readonly tableExtractors?: Readonly<Record<string, Factory<TableExtractor>>> | undefined;
  /** By the endings of the files they read, without the dot: `docx`. */
  readonly documentParsers?: Readonly<Record<string, Factory<DocumentParser>>> | undefined;
}

/** Gives a plugin its type, names included, and changes nothing. */
export function definePlugin<const T extends Plugin>(plugin: T): T {
  return plugin;
}
