import type {
  DocumentParser,
  EntityExtractor,
  ImageEmbedder,
  ImageInput,
  LanguageModel,
  Plugin,
  TableExtractor,
} from '@memvid/core';
import { HashEmbeddings } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import {
  documentParserContract,
  entityExtractorContract,
  imageEmbedderContract,
  languageModelContract,
  pluginContract,
  type Runner,
  tableExtractorContract,
} from '../src/index.ts';
import { collect } from './support/collect.ts';

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47);
const images: ImageInput[] = [1, 2, 3].map((n) => ({
  data: Uint8Array.of(...PNG, n),
  mimeType: 'image/png',
}));
const hash = new HashEmbeddings({ dimension: 8 });

const clip: ImageEmbedder = {
  spec: 'image-embedder/v1',
  provider: 'acme',
  model: 'pictures',
  dimensions: 8,
  maxBatch: 4,
  async embedImages(list, { signal } = {}) {
    signal?.throwIfAborted();
    if (list.some(({ data }) => data[0] !== PNG[0])) throw new Error('no picture');
    return hash.embed(list.map(({ data }) => `picture ${data.join(' ')}`));
  },
  async embedTexts(texts, { signal } = {}) {
    signal?.throwIfAborted();
    return hash.embed(texts);
  },
};

const model: LanguageModel = {
  spec: 'language-model/v1',
  provider: 'acme',
  model: 'words',
  async generate(_, { signal } = {}) {
    signal?.throwIfAborted();
    return { text: 'Paris', usage: { totalTokens: 3 }, finishReason: 'stop' };
  },
  async *stream(_, { signal } = {}) {
    signal?.throwIfAborted();
    yield { type: 'text', text: 'Par' };
    yield { type: 'text', text: 'is' };
    yield { type: 'finish', usage: { totalTokens: 3 }, finishReason: 'stop' };
  },
};

const names: EntityExtractor = {
  spec: 'entity-extractor/v1',
  provider: 'acme',
  model: 'capitals',
  entityTypes: ['NAME'],
  async extract(texts, { minConfidence = 0.5, signal } = {}) {
    signal?.throwIfAborted();
    return texts.map((text) =>
      [...text.matchAll(/\p{Lu}\p{L}+/gu)]
        .map(({ 0: name, index }) => ({
          name,
          type: 'NAME',
          confidence: 0.9,
          start: index,
          end: index + name.length,
        }))
        .filter(({ confidence }) => confidence >= minConfidence),
    );
  },
};

const tables: TableExtractor = {
  spec: 'table-extractor/v1',
  name: 'csv',
  mimeTypes: ['text/csv'],
  async extract({ data }, { signal } = {}) {
    signal?.throwIfAborted();
    const [headers, ...rows] = new TextDecoder()
      .decode(data)
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    if (headers === undefined || headers.length < 2) throw new Error('no CSV');
    return { tables: [{ headers, rows, pageStart: 1, pageEnd: 1, quality: 1, detectionMode: 'lattice' }] };
  },
};
const documents = [
  {
    source: { data: new TextEncoder().encode('a,b\n1,2\n3,4\n'), filename: 'a.csv', mimeType: 'text/csv' },
    tables: 1,
  },
];

const parser: DocumentParser = {
  spec: 'document-parser/v1',
  name: 'pages',
  mimeTypes: ['text/x-pages'],
  async parse({ data }, { maxPages = Infinity, signal } = {}) {
    signal?.throwIfAborted();
    const [head, ...rest] = new TextDecoder().decode(data).split('\f').slice(0, maxPages);
    if (head?.startsWith('pages:') !== true) throw new Error('no document of pages');
    const pages = [head, ...rest].map((text, at) => ({ number: at + 1, text }));
    const text = pages.map((page) => page.text).join('\n\n');
    return { type: 'pages', created: '2024-01-01', text, unit: 'page', pages, tables: [], warnings: [] };
  },
};
const samples = [
  {
    source: { data: new TextEncoder().encode('pages: one\ftwo'), filename: 'a.pages' },
    sentences: ['one', 'two'],
    pages: 2,
    tables: 0,
  },
];

const plugin = (): Plugin => ({
  spec: 'plugin/v1',
  name: '@acme/embed',
  version: '1.2.3',
  embedders: { 'acme-hash': () => new HashEmbeddings() },
  languageModels: { words: () => ({ ...model }) },
  documentParsers: { pages: () => ({ ...parser }) },
});

const suites = {
  clip: (create: () => ImageEmbedder) => (runner: Runner) =>
    imageEmbedderContract(runner, { create, images }),
  model: (create: () => LanguageModel) => (runner: Runner) => languageModelContract(runner, { create }),
  names: (create: () => EntityExtractor) => (runner: Runner) => entityExtractorContract(runner, { create }),
  tables: (create: () => TableExtractor) => (runner: Runner) =>
    tableExtractorContract(runner, { create, documents }),
  parser: (create: () => DocumentParser) => (runner: Runner) =>
    documentParserContract(runner, { create, documents: samples }),
  plugin: (create: () => Plugin) => (runner: Runner) => pluginContract(runner, { create }),
};

suites.clip(() => clip)({ describe, it });
suites.model(() => model)({ describe, it });
suites.names(() => names)({ describe, it });
suites.tables(() => tables)({ describe, it });
suites.parser(() => parser)({ describe, it });
suites.plugin(plugin)({ describe, it });

type Broken = [what: string, suite: (runner: Runner) => void, test: RegExp];
const broken: Broken[] = [
  [
    'an extractor that is of no use when it was closed',
    suites.names(() => {
      let isClosed = false;
      return {
        ...names,
        extract: async (texts, options) => (isClosed ? texts.map(() => []) : names.extract(texts, options)),
        close: async () => {
          isClosed = true;
        },
      };
    }),
    /works again/,
  ],
  [
    'pictures in another order',
    suites.clip(() => ({
      ...clip,
      embedImages: async (list, options) => ({
        vectors: (await clip.embedImages(list, options)).vectors.toReversed(),
      }),
    })),
    /order/,
  ],
  [
    'texts of another size',
    suites.clip(() => ({
      ...clip,
      dimensions: undefined,
      embedTexts: async (texts) => new HashEmbeddings({ dimension: 16 }).embed(texts),
    })),
    /one size/,
  ],
  [
    'anything taken for a picture',
    suites.clip(() => ({
      ...clip,
      embedImages: async (list) => hash.embed(list.map(({ data }) => String(data))),
    })),
    /no picture/,
  ],
  [
    'a list of pictures that is emptied',
    suites.clip(() => ({
      ...clip,
      async embedImages(list, options) {
        const answer = await clip.embedImages(list, options);
        (list as ImageInput[]).length = 0;
        return answer;
      },
    })),
    /as they are/,
  ],
  [
    'a model without an answer',
    suites.model(() => ({ ...model, generate: async () => ({ text: '' }) })),
    /answers/,
  ],
  [
    'messages that were changed',
    suites.model(() => ({
      ...model,
      async generate(request) {
        (request.messages as unknown[]).push({ role: 'system', content: 'Be brief.' });
        return { text: 'Paris' };
      },
    })),
    /answers/,
  ],
  [
    'a model that does not hear its signal',
    suites.model(() => ({
      ...model,
      generate: async () => ({ text: 'Paris' }),
    })),
    /aborted before/,
  ],
  [
    'pieces without text',
    suites.model(() => ({
      ...model,
      async *stream() {
        yield {} as never;
      },
    })),
    /streams/,
  ],
  [
    'a stream without an end',
    suites.model(() => ({
      ...model,
      async *stream() {
        yield { type: 'text', text: 'Paris' };
      },
    })),
    /one that ends it/,
  ],
  [
    'text behind the end',
    suites.model(() => ({
      ...model,
      async *stream() {
        yield { type: 'finish' };
        yield { type: 'text', text: 'Paris' };
      },
    })),
    /one that ends it/,
  ],
  [
    'a model that answers though its signal was aborted meanwhile',
    suites.model(() => ({
      ...model,
      async generate(_, { signal } = {}) {
        signal?.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { text: 'Paris' };
      },
    })),
    /under way/,
  ],
  [
    'names that do not stand there',
    suites.names(() => ({
      ...names,
      extract: async (texts) => texts.map(() => [{ name: 'Nobody', type: 'NAME', confidence: 0.9 }]),
    })),
    /one list a text/,
  ],
  [
    'places in code points',
    suites.names(() => ({
      ...names,
      extract: async (texts, options) =>
        (await names.extract(texts, options)).map((list, at) =>
          list.map((entity) => {
            const start = Array.from((texts[at] ?? '').slice(0, entity.start)).length;
            return { ...entity, start, end: start + entity.name.length };
          }),
        ),
    })),
    /one list a text/,
  ],
  [
    'a type that was not announced',
    suites.names(() => ({ ...names, entityTypes: ['PERSON'] })),
    /one list a text/,
  ],
  [
    'confidence that is not asked for',
    suites.names(() => ({
      ...names,
      extract: async (texts) => names.extract(texts),
    })),
    /less certain/,
  ],
  [
    'rows of another length',
    suites.tables(() => ({
      ...tables,
      async extract(source, options) {
        const answer = await tables.extract(source, options);
        return { tables: answer.tables.map((table) => Object.assign(table, { rows: [['1']] })) };
      },
    })),
    /finds the tables/,
  ],
  [
    'an empty list for what cannot be read',
    suites.tables(() => ({
      ...tables,
      extract: async (source, options) => tables.extract(source, options).catch(() => ({ tables: [] })),
    })),
    /cannot be read/,
  ],
  [
    'pages that are not in the text',
    suites.parser(() => ({
      ...parser,
      parse: async (source, options) => ({ ...(await parser.parse(source, options)), text: 'one two' }),
    })),
    /all of the text/,
  ],
  [
    'a date that is none',
    suites.parser(() => ({
      ...parser,
      parse: async (source, options) => ({ ...(await parser.parse(source, options)), created: 'yesterday' }),
    })),
    /all of the text/,
  ],
  [
    'a table beside its page',
    suites.parser(() => ({
      ...parser,
      parse: async (source, options) => ({
        ...(await parser.parse(source, options)),
        tables: [{ headers: ['a'], rows: [], page: 7 }],
      }),
    })),
    /all of the text/,
  ],
  [
    'all pages where one is asked for',
    suites.parser(() => ({ ...parser, parse: async (source) => parser.parse(source) })),
    /no more pages/,
  ],
  [
    'an empty document for what is none',
    suites.parser(() => ({
      ...parser,
      parse: async (source, options) =>
        parser.parse(source, options).catch(() => ({
          type: 'pages',
          text: '',
          pages: [{ number: 1, text: '' }],
          tables: [],
          warnings: [],
        })),
    })),
    /cannot be read/,
  ],
  ['a plugin that provides nothing', suites.plugin(() => ({ spec: 'plugin/v1', name: 'x' })), /at least one/],
  ['a name that is none', suites.plugin(() => ({ ...plugin(), name: 'My plugin!' })), /plain object/],
  [
    'names that differ by case',
    suites.plugin(() => ({
      ...plugin(),
      embedders: { a: () => new HashEmbeddings(), A: () => new HashEmbeddings() },
    })),
    /more than their case/,
  ],
  [
    'a factory of another kind',
    suites.plugin(() => ({
      ...plugin(),
      languageModels: { words: () => new HashEmbeddings() as never },
    })),
    /of its kind/,
  ],
  [
    'a provider that is shared',
    suites.plugin(() => ({ ...plugin(), embedders: { a: () => hash } })),
    /of its kind/,
  ],
];

describe('the other contracts find', () => {
  it.each(broken)('%s', async (_, suite, test) => {
    const { failures } = await collect(suite);
    expect([...failures.keys()].filter((name) => test.test(name))).not.toEqual([]);
  });
});
