import { describe, expect, it } from 'vitest';
import { open } from '../src/index.ts';
import { freshMemory } from './support/memory.ts';

const corpus = [
  {
    title: 'Technical Decision',
    text: 'Decided to use PostgreSQL for the main database. Redis for caching.',
    tags: ['db', 'two words'],
    label: 'architecture',
    track: 'eng',
    kind: 'note',
    uri: 'mv2://docs/adr-1',
    timestamp: '2023-01-15',
  },
  {
    title: 'Meeting',
    text: 'The runner runs every morning; running keeps her fit.',
    uri: 'mv2://notes/run',
    label: 'life',
    timestamp: '2023-02-10',
  },
  {
    title: 'Garden',
    text: 'Plant marigold beside the tomato beds before April.',
    uri: 'mv2://notes/garden',
    label: 'life',
    timestamp: '2023-03-05',
  },
  {
    title: 'Ledger',
    text: 'quick brown fox and lazy dog. The dog is brown and the fox is quick.',
    uri: 'mv2://docs/ledger',
    timestamp: '2024-05-05',
  },
];
const memoryOf = async () => {
  const memory = await freshMemory();
  await memory.putMany(corpus);
  return memory;
};
const uris = (result: { hits: { uri: string }[] }): string[] => result.hits.map((hit) => hit.uri);

describe('find', () => {
  it('gives every key of the contract', async () => {
    await using memory = await memoryOf();
    const result = await memory.find('database');
    expect(result).toMatchObject({ query: 'database', engine: 'tantivy', total_hits: 1, next_cursor: null });
    expect(result.took_ms).toBeGreaterThanOrEqual(0);
    const [hit] = result.hits;
    expect(hit).toMatchObject({
      rank: 1,
      frame_id: 0,
      uri: 'mv2://docs/adr-1',
      title: 'Technical Decision',
      text: corpus[0]?.text,
      tags: ['db', 'two words'],
      labels: ['architecture'],
      track: 'eng',
      content_dates: [],
      created_at: '2023-01-15T00:00:00Z',
      metadata: {},
      parent_id: null,
    });
    expect(hit?.score).toBeGreaterThan(0);
    expect(hit?.matches).toBeGreaterThan(0);
    expect(corpus[0]?.text).toContain(hit?.snippet);
    expect(result.context).toContain('### [1] docs/adr-1 — Technical Decision');
  });

  it('§17.2 ranks by matching words instead of demanding every one', async () => {
    await using memory = await memoryOf();
    expect(uris(await memory.find('What database are we using?'))[0]).toBe('mv2://docs/adr-1');
    expect(uris(await memory.find('marigold skyscraper'))).toEqual(['mv2://notes/garden']);
    expect(await memory.find('zzzqqq')).toMatchObject({
      hits: [],
      total_hits: 0,
      next_cursor: null,
      context: '',
    });
  });

  it('finds what comes nearest when nothing holds the telling words, and says so', async () => {
    await using memory = await memoryOf();
    const found = await memory.find('What is the zebra?');
    expect(uris(found)[0]).toBe('mv2://docs/ledger');
    expect(found.total_hits).toBe(4);
    expect(found.warnings).toEqual([expect.stringContaining('telling words')]);
    expect(await memory.find('the dog')).not.toHaveProperty('warnings');
    const where = { label: 'life' };
    expect(uris(await memory.find('the zebra', { where })).toSorted()).toEqual([
      'mv2://notes/garden',
      'mv2://notes/run',
    ]);
    expect(await memory.ask('What is the zebra?')).toMatchObject({ answer: null });
  });

  it('§17.3 shows and searches the stored text only', async () => {
    await using memory = await freshMemory();
    await memory.put({
      text: 'Plain body.',
      title: 'Some title',
      uri: 'mv2://a/b',
      tags: ['tagword'],
      labels: ['labelword'],
      metadata: { author: 'metaword', deep: { x: 'deepword' } },
    });
    const [hit] = (await memory.find('body')).hits;
    expect(hit?.text).toBe('Plain body.');
    expect(hit?.snippet).toBe('Plain body.');
    expect((await memory.find('body')).context).toBe('### [1] a/b — Some title\nPlain body.');
    expect((await memory.timeline())[0]?.preview).toBe('Plain body.');
    for (const word of ['metaword', 'deepword', 'author', 'extractous_metadata', 'metadata', 'memvid']) {
      expect([word, (await memory.find(word)).total_hits]).toEqual([word, 0]);
    }
  });

  it('understands phrases, boolean words, fields, prefixes and dates', async () => {
    await using memory = await memoryOf();
    const expectations: [string, string[]][] = [
      ['"brown fox"', ['mv2://docs/ledger']],
      ['"fox brown"', []],
      ['marigold AND tomato', ['mv2://notes/garden']],
      ['marigold AND fox', []],
      ['marigold OR fox', ['mv2://docs/ledger', 'mv2://notes/garden']],
      ['label:life NOT tomato', ['mv2://notes/run']],
      ['(marigold OR running) AND April', ['mv2://notes/garden']],
      ['tag:db', ['mv2://docs/adr-1']],
      ['tag:"two words"', ['mv2://docs/adr-1']],
      ['label:architecture', ['mv2://docs/adr-1']],
      ['track:eng', ['mv2://docs/adr-1']],
      ['kind:note', ['mv2://docs/adr-1']],
      ['title:garden', ['mv2://notes/garden']],
      ['postgre*', ['mv2://docs/adr-1']],
      ['date:[2023-02-01 TO 2023-03-31]', ['mv2://notes/garden', 'mv2://notes/run']],
    ];
    for (const [query, expected] of expectations) {
      expect([query, uris(await memory.find(query)).toSorted()]).toEqual([query, expected]);
    }
  });

  it('§17.30 finds every form of an English word from every other', async () => {
    await using memory = await memoryOf();
    for (const word of ['run', 'runs', 'running']) {
      expect([word, ...uris(await memory.find(word))]).toContain('mv2://notes/run');
    }
    expect(uris(await memory.find('databases'))).toContain('mv2://docs/adr-1');
    expect(uris(await memory.find('tomatoes'))).toContain('mv2://notes/garden');
  });

  it('§17.13 never throws for what a person types', async () => {
    await using memory = await memoryOf();
    for (const query of [
      'foo AND (bar',
      '"unterminated',
      'AND',
      'NOT',
      '(',
      ')))',
      'fox AND',
      'title:',
      'date:[x TO',
      '*',
      '-',
      '???',
      'a:b:c',
      'fox~2',
      'C++',
      "it's",
      '\\',
      '🦜',
      '\u0000',
      'x'.repeat(5000),
      'fox '.repeat(2000),
    ]) {
      const result = await memory.find(query);
      expect([query, Array.isArray(result.hits)]).toEqual([query, true]);
    }
    expect(uris(await memory.find('fox AND (dog'))).toContain('mv2://docs/ledger');
    expect(await memory.find('database', { scope: 'mv2://none/' })).toMatchObject({
      hits: [],
      total_hits: 0,
    });
  });

  it('§17.13 finds Chinese, Japanese, Korean, Thai, Arabic, Russian and accented words', async () => {
    await using memory = await freshMemory();
    const world: [string, string, string[]][] = [
      ['zh', '我们决定使用数据库来保存所有的客户记录。', ['数据库', '客户', '记录', '数据']],
      ['ja', '東京タワーは日本の首都にあります。', ['東京', '東京タワー', '首都', '日本']],
      ['ko', '서울에서 회의가 열렸습니다.', ['서울', '회의']],
      ['th', 'กรุงเทพมหานครเป็นเมืองหลวง', ['กรุงเทพ', 'เมืองหลวง']],
      ['ar', 'مرحبا بالعالم الجميل', ['الجميل', 'مرحبا']],
      ['ru', 'Морской маяк светит ночью. Крокодил спит.', ['маяк', 'МАЯК', 'крокодил']],
      ['fr', 'Un café crème près de la forêt.', ['café', 'cafe', 'forêt', 'cafe\u0301']],
    ];
    await memory.putMany(world.map(([name, text]) => ({ title: name, text, uri: `mv2://w/${name}` })));
    for (const [name, , queries] of world) {
      for (const query of queries) {
        expect([query, ...uris(await memory.find(query))]).toContain(`mv2://w/${name}`);
      }
    }
    expect(uris(await memory.find('大阪'))).toEqual([]);
    await memory.close();
    await using again = await open(memory.file);
    for (const [name, , queries] of world) {
      for (const query of queries) {
        expect([query, ...uris(await again.find(query))]).toContain(`mv2://w/${name}`);
      }
    }
  });

  it('§17.14 keeps to k and snippetChars', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 15 }, (_, index) => ({
        title: `d${index}`,
        text: `${'filler words around '.repeat(40)} needle ${'and more of them '.repeat(40)}`,
      })),
    );
    expect((await memory.find('needle')).hits).toHaveLength(10);
    expect((await memory.find('needle', { k: 1 })).hits).toHaveLength(1);
    expect((await memory.find('needle', { k: Number.MAX_SAFE_INTEGER })).hits).toHaveLength(15);
    for (const snippetChars of [20, 100, 240]) {
      for (const hit of (await memory.find('needle', { snippetChars })).hits) {
        expect(hit.snippet.length).toBeLessThanOrEqual(snippetChars);
        expect(hit.snippet).toContain('needle');
      }
    }
  });

  it('pages through common words with a filter, though their total is a lower bound', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 24_000 }, (_, index) => ({
        title: `T ${index}`,
        text: `common words everywhere ${index}`,
        track: index % 3 === 0 ? 'b' : 'a',
      })),
    );
    const seen = new Set<number>();
    let cursor: string | undefined;
    for (let page = 0; page < 5; page += 1) {
      const result = await memory.find('common words', { k: 10, cursor, where: { track: 'b' } });
      for (const hit of result.hits) seen.add(hit.frame_id);
      expect(result.next_cursor).not.toBeNull();
      cursor = result.next_cursor ?? undefined;
    }
    expect(seen.size).toBe(50);
  });

  it('pages with a cursor: ranks go on, nothing twice, nothing lost', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 23 }, (_, index) => ({
        title: `d${index}`,
        text: `same words ${'pad '.repeat(index % 5)}`,
      })),
    );
    const seen: number[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const result = await memory.find('words', { k: 5, cursor });
      expect(result.total_hits).toBe(23);
      expect(result.hits.map((hit) => hit.rank)).toEqual(
        result.hits.map((_, index) => seen.length + index + 1),
      );
      seen.push(...result.hits.map((hit) => hit.frame_id));
      if (result.next_cursor === null) break;
      cursor = result.next_cursor;
    }
    expect(seen.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: 23 }, (_, index) => index),
    );
    expect(seen).toEqual((await memory.find('words', { k: 100 })).hits.map((hit) => hit.frame_id));
    for (const wrong of ['@@', '-1', '1.5', '']) {
      await expect(memory.find('words', { cursor: wrong })).rejects.toMatchObject({
        code: 'MV019',
        message: expect.stringContaining('cursor'),
      });
    }
  });

  it('applies scope, time and as-of before the cut', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 50 }, (_, index) => ({
        title: `d${index}`,
        text: 'common word',
        uri: `mv2://${index % 10 === 0 ? 'Rare' : 'usual'}/${index}`,
        timestamp: 1000 + index,
      })),
    );
    const ids = async (options: object): Promise<number[]> =>
      (await memory.find('common', { k: 5, ...options })).hits
        .map((hit) => hit.frame_id)
        .toSorted((a, b) => a - b);
    expect(await ids({ scope: 'mv2://Rare/' })).toEqual([0, 10, 20, 30, 40]);
    expect(await ids({ asOfFrame: 2 })).toEqual([0, 1, 2]);
    expect(await ids({ asOfFrame: '2' })).toEqual([0, 1, 2]);
    expect(await ids({ where: { frame_id: { $in: ['1', 2] } } })).toEqual([1, 2]);
    expect(await ids({ asOfTs: 1003 })).toEqual([0, 1, 2, 3]);
    expect(await ids({ since: 1047 })).toEqual([47, 48, 49]);
    expect(await ids({ since: 1010, until: 1012 })).toEqual([10, 11, 12]);
  });

  it('explains scores when asked', async () => {
    await using memory = await memoryOf();
    expect((await memory.find('fox')).hits[0]?.explain).toBeUndefined();
    expect((await memory.find('fox', { explain: true })).hits[0]?.explain).toBeTypeOf('object');
  });

  it('adaptive cuts a list by words where the scores fall', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      { title: 'Exact', text: 'quantum entanglement of photons in crystals' },
      ...Array.from({ length: 30 }, (_, index) => ({
        title: `Noise ${index}`,
        text: `crystals in sugar, note ${index}`,
      })),
    ]);
    const question = 'quantum entanglement of photons in crystals';
    const plain = await memory.find(question, { k: 20 });
    expect(plain.hits).toHaveLength(20);
    const adaptive = await memory.find(question, {
      k: 20,
      adaptive: true,
      adaptiveStrategy: 'relative',
      minRelevancy: 0.9,
    });
    expect(adaptive.hits.map((hit) => hit.title)).toEqual(['Exact']);
    expect(adaptive).toMatchObject({ total_hits: 1, next_cursor: null });
    expect(adaptive.context.match(/###/g)).toHaveLength(1);
    expect((await memory.find('crystals', { adaptive: true, maxK: 7 })).hits.length).toBeLessThanOrEqual(7);
  });

  it('numbers the context of an adaptive page as its hits', async () => {
    await using memory = await freshMemory();
    await memory.putMany(Array.from({ length: 9 }, (_, n) => ({ title: `${n}`, text: `lunch number ${n}` })));
    const { next_cursor: cursor } = await memory.find('lunch', { k: 3 });
    const page = await memory.find('lunch', { maxK: 3, cursor: cursor ?? '', adaptive: true });
    expect(page.hits.map(({ rank }) => rank)).toEqual([4, 5, 6]);
    expect(page.context.match(/(?<=^### \[)\d+/gm)).toEqual(['4', '5', '6']);
  });

  it('§17.29 scores do not depend on age', async () => {
    await using memory = await freshMemory();
    const now = Math.floor(Date.now() / 1000);
    await memory.putMany([
      { title: 'old', text: 'harbor harbor harbor report', timestamp: now - 4 * 365 * 86_400 },
      { title: 'new', text: 'harbor report with some other words', timestamp: now },
    ]);
    expect((await memory.find('harbor')).hits.map((hit) => hit.title)).toEqual(['old', 'new']);
    await expect(
      memory.find('harbor', { recency: { halfLife: 3600, weight: 1 } } as never),
    ).rejects.toMatchObject({ code: 'MV018', message: expect.stringContaining('recency') });
  });

  it('hides what the context may not read', async () => {
    await using memory = await freshMemory();
    const base = { acl_tenant_id: 'acme', acl_visibility: 'restricted' };
    await memory.putMany([
      { title: 'public', text: 'plan alpha', metadata: { ...base, acl_visibility: 'public' } },
      { title: 'editors', text: 'plan alpha', metadata: { ...base, acl_read_roles: ['editor'] } },
      { title: 'ann', text: 'plan alpha', metadata: { ...base, acl_read_principals: ['ann'] } },
      { title: 'group', text: 'plan alpha', metadata: { ...base, acl_read_groups: ['g1'] } },
      {
        title: 'other tenant',
        text: 'plan alpha',
        metadata: { ...base, acl_tenant_id: 'other', acl_visibility: 'public' },
      },
      { title: 'unmarked', text: 'plan alpha' },
    ]);
    const titles = async (aclContext: object, k = 10): Promise<string[]> =>
      (await memory.find('plan', { k, aclContext, aclEnforcementMode: 'enforce' })).hits
        .map((hit) => hit.title)
        .toSorted();
    expect(await titles({ tenantId: 'acme' })).toEqual(['public']);
    expect(await titles({ tenantId: 'ACME', roles: ['Editor'] })).toEqual(['editors', 'public']);
    expect(await titles({ tenantId: 'acme', subjectId: 'ann', groupIds: ['g1'] })).toEqual([
      'ann',
      'group',
      'public',
    ]);
    expect(await titles({ tenantId: 'nobody' })).toEqual([]);
    expect((await memory.find('plan', { aclContext: { tenantId: 'acme' } })).hits).toHaveLength(6);
    // The fallback of ask obeys the same rule.
    const asked = await memory.ask('something unrelated', {
      aclContext: { tenantId: 'acme' },
      aclEnforcementMode: 'enforce',
    });
    expect(asked.hits.map((hit) => hit.title)).toEqual(['public']);
  });

  it('finds the same after reopening, option by option', async () => {
    await using memory = await memoryOf();
    const queries = ['database', 'brown fox', 'running every morning', 'tag:db', 'marigold OR fox'];
    const before = await Promise.all(queries.map((query) => memory.find(query)));
    await memory.seal();
    const sealed = await Promise.all(queries.map((query) => memory.find(query)));
    await memory.close();
    await using again = await open(memory.file);
    const after = await Promise.all(queries.map((query) => again.find(query)));
    const plain = (results: typeof before): unknown => results.map((result) => ({ ...result, took_ms: 0 }));
    expect(plain(sealed)).toEqual(plain(before));
    expect(plain(after)).toEqual(plain(before));
  });
});

describe('find by meaning', () => {
  it('§17.25 raises the code of what is missing, and auto says why it went by words', async () => {
    await using memory = await memoryOf();
    const vector = [1, 0, 0, 0];
    for (const mode of ['sem', 'semantic', 'SEM'] as const) {
      await expect(memory.find('fox', { mode: mode as 'sem', queryEmbedding: vector })).rejects.toMatchObject(
        {
          code: 'MV011',
          message: expect.stringContaining('no vectors stored yet'),
        },
      );
    }
    await expect(memory.find('fox', { mode: 'sem' })).rejects.toMatchObject({ code: 'MV011' });
    await expect(memory.find('fox', { mode: 'sem', queryEmbedding: [1, Number.NaN] })).rejects.toMatchObject({
      code: 'MV015',
    });
    await expect(memory.find('fox', { mode: 'sem', queryEmbedding: [] })).rejects.toMatchObject({
      code: 'MV015',
    });
    await expect(memory.vecSearch('fox', vector)).rejects.toMatchObject({ code: 'MV011' });
    await expect(memory.vecSearch('fox', [Number.NaN])).rejects.toMatchObject({ code: 'MV015' });
    await expect(memory.vecSearch('fox', 'x' as never)).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.ask('fox?', { mode: 'sem' })).rejects.toMatchObject({ code: 'MV011' });
    const auto = await memory.find('fox', { mode: 'auto', queryEmbedding: vector });
    expect(auto.engine).toBe('tantivy');
    expect(auto.hits.map((hit) => hit.uri)).toEqual(['mv2://docs/ledger']);
    expect(auto.warnings).toEqual([expect.stringContaining('no vectors')]);
    expect((await memory.find('fox', { mode: 'hybrid' })).warnings).toHaveLength(1);
    expect((await memory.find('fox')).warnings).toBeUndefined();
    const asked = await memory.ask('fox?', { queryEmbedding: vector });
    expect(asked).toMatchObject({
      mode: 'hybrid',
      retriever: 'lex',
      warnings: [expect.stringContaining('no vectors')],
    });
  });

  it('§17.11 enableVec: false refuses vectors before anything is stored or embedded', async () => {
    await using memory = await freshMemory({ enableVec: false });
    const embedder = {
      dimension: 2,
      modelName: 'm',
      embedDocuments: async () => [[1, 0]],
      embedQuery: async () => [1, 0],
    };
    for (const call of [
      () => memory.put({ text: 'x', embedding: [1, 0] }),
      () => memory.put({ text: 'x', embedder }),
      () => memory.put({ text: 'x', enableEmbedding: true }),
      () => memory.putMany([{ title: 'x', text: 'x', embedding: [1, 0] }]),
      () => memory.putMany([{ title: 'x', text: 'x' }], { embeddings: [[1, 0]] }),
      () => memory.find('x', { mode: 'sem', queryEmbedding: [1, 0] }),
      () => memory.ask('x', { mode: 'sem', queryEmbedding: [1, 0] }),
      () => memory.vecSearch('x', [1, 0]),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV011',
        name: 'VecIndexDisabledError',
        message: expect.stringContaining('enableVec'),
      });
    }
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.put({ text: 'words still work' });
    expect((await memory.find('words')).total_hits).toBe(1);
  });

  it('refuses faulty vectors, each with its own code, and stores nothing', async () => {
    await using memory = await freshMemory();
    const doc = { title: 'x', text: 'x' };
    const rejections: [() => Promise<unknown>, string][] = [
      [() => memory.put({ text: 'x', embedding: [] }), 'MV015'],
      [() => memory.put({ text: 'x', embedding: [1, Number.NaN] }), 'MV015'],
      [() => memory.put({ text: 'x', embedding: ['a'] as never }), 'MV019'],
      [() => memory.put({ text: 'x', embedder: {} as never }), 'MV019'],
      [() => memory.putMany([doc], { embeddings: [] }), 'MV019'],
      [
        () =>
          memory.putMany([
            { ...doc, embedding: [1, 0] },
            { ...doc, embedding: [1, 0, 0] },
          ]),
        'MV014',
      ],
      [() => memory.putMany([doc], { embeddings: [[1, Number.POSITIVE_INFINITY]] }), 'MV015'],
      [() => memory.put({ text: 'x', enableEmbedding: true }), 'MV015'],
      [() => memory.put({ text: 'x', enableEmbedding: true, embeddingModel: 'no-such-model' }), 'MV015'],
      [() => memory.putMany([doc], { enableEmbedding: true }), 'MV015'],
    ];
    for (const [call, code] of rejections) {
      await expect(call()).rejects.toMatchObject({ code, suggestion: expect.any(String) });
    }
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('names the key a model needs', async () => {
    await using memory = await freshMemory();
    const saved = process.env['OPENAI_API_KEY'];
    process.env['OPENAI_API_KEY'] = '';
    try {
      for (const call of [
        () => memory.put({ text: 'x', enableEmbedding: true, embeddingModel: 'openai-small' }),
        () =>
          memory.putMany([{ title: 'x', text: 'x' }], {
            enableEmbedding: true,
            embeddingModel: 'openai-small',
          }),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'MV015',
          message: expect.stringContaining('OPENAI_API_KEY'),
        });
      }
      expect((await memory.stats()).frame_count).toBe(0);
    } finally {
      if (saved === undefined) delete process.env['OPENAI_API_KEY'];
      else process.env['OPENAI_API_KEY'] = saved;
    }
  });
});

describe('without an index of words', () => {
  it('§17.11 enableLex: false searches nothing until enableLex()', async () => {
    await using memory = await freshMemory({ enableLex: false });
    await memory.put({ text: 'some words' });
    for (const call of [() => memory.find('words'), () => memory.ask('words?')]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV004',
        name: 'LexIndexDisabledError',
        message: expect.stringContaining('exical index'),
      });
    }
    expect(await memory.timeline()).toHaveLength(1);
    expect((await memory.stats()).lex_enabled).toBe(false);
    await memory.enableLex();
    await memory.enableLex();
    expect((await memory.find('words')).total_hits).toBe(1);
    expect((await memory.stats()).lex_enabled).toBe(true);
  });
});
