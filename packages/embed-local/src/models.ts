import { invalidInput } from '@memvid/core';

/** How the vectors of a text's tokens become one: that of the first token, or their mean. */
export type Pooling = 'cls' | 'mean';

/** What is written before a text, by what the text is for. */
export interface Prefixes {
  readonly query: string;
  readonly document: string;
}

/** Facts about a model, as its authors give them. */
export interface LocalModel {
  /** What users write. */
  readonly name: string;
  /** What is stored with vectors, and where the model is published: `owner/name`. */
  readonly id: string;
  /** Its folder among the models. */
  readonly folder: string;
  readonly dimensions: number;
  /** Where the folder has no `1_Pooling/config.json`. */
  readonly pooling: Pooling;
  readonly prefixes: Prefixes;
  /** Most tokens of a text, begin and end included. */
  readonly maxTokens: number;
  /** Whether the model's last step makes vectors of length 1. */
  readonly normalized: boolean;
  /** Whether the reference SDK has it. */
  readonly inReference: boolean;
}

const NO_PREFIXES: Prefixes = { query: '', document: '' };
/** Of the question only; documents stay as they are. */
const BGE_PREFIXES: Prefixes = {
  query: 'Represent this sentence for searching relevant passages: ',
  document: '',
};

/** The models this package runs. */
export const LOCAL_MODELS: readonly LocalModel[] = [
  {
    name: 'bge-small',
    id: 'BAAI/bge-small-en-v1.5',
    folder: 'bge-small-en-v1.5',
    dimensions: 384,
    pooling: 'cls',
    prefixes: BGE_PREFIXES,
    maxTokens: 512,
    normalized: true,
    inReference: true,
  },
  {
    name: 'bge-base',
    id: 'BAAI/bge-base-en-v1.5',
    folder: 'bge-base-en-v1.5',
    dimensions: 768,
    pooling: 'cls',
    prefixes: BGE_PREFIXES,
    maxTokens: 512,
    normalized: true,
    inReference: true,
  },
  {
    name: 'nomic',
    id: 'nomic-ai/nomic-embed-text-v1.5',
    folder: 'nomic-embed-text-v1.5',
    dimensions: 768,
    pooling: 'mean',
    prefixes: { query: 'search_query: ', document: 'search_document: ' },
    // It was taught with 2048 and reaches 8192 only with rotary scaling, which the published network has not.
    maxTokens: 2048,
    normalized: true,
    inReference: true,
  },
  {
    name: 'gte-large',
    id: 'thenlper/gte-large',
    folder: 'gte-large',
    dimensions: 1024,
    pooling: 'mean',
    prefixes: NO_PREFIXES,
    maxTokens: 512,
    normalized: true,
    inReference: true,
  },
  {
    name: 'all-minilm',
    id: 'sentence-transformers/all-MiniLM-L6-v2',
    folder: 'all-minilm-l6-v2',
    dimensions: 384,
    pooling: 'mean',
    prefixes: NO_PREFIXES,
    maxTokens: 256,
    normalized: true,
    inReference: false,
  },
];

/** Behind the id of a model whose vectors come from dynamically quantised arithmetic: they are another space. */
export const DYNAMIC_SUFFIX = '#int8dyn';
/** What files of the reference call the provider of its local models. */
export const REFERENCE_PROVIDER = 'fastembed';

/** A name, taken apart. */
export interface NamedModel {
  readonly model: LocalModel;
  readonly dynamic: boolean;
  readonly reference: boolean;
}

/**
 * The model of a name, in any case: `bge-small`, its folder `bge-small-en-v1.5`, its id `BAAI/bge-small-en-v1.5`; with
 * `#int8dyn` behind it the dynamically quantised one, with `fastembed:` before it the one of the reference's files.
 */
export function modelOfName(name: unknown): NamedModel {
  const wanted = typeof name === 'string' ? name.trim().toLowerCase() : '';
  const dynamic = wanted.endsWith(DYNAMIC_SUFFIX);
  const reference = wanted.startsWith(`${REFERENCE_PROVIDER}:`);
  const plain = wanted.replace(DYNAMIC_SUFFIX, '').replace(new RegExp(`^(${REFERENCE_PROVIDER}|local):`), '');
  const model = LOCAL_MODELS.find((known) => namesOf(known).some((one) => one.toLowerCase() === plain));
  if (model === undefined || (reference && !model.inReference)) {
    const known = LOCAL_MODELS.map((one) => `"${one.name}"`).join(', ');
    throw invalidInput('model', name, `the name of a model that runs on this machine (${known}), or its id`);
  }
  return { model, dynamic, reference };
}

/** The names of a model. */
export function namesOf({ name, folder, id }: LocalModel): string[] {
  return [...new Set([name, folder, id])];
}
