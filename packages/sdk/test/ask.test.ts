import { describe, expect, it } from 'vitest';
import { freshMemory } from './support/memory.ts';

describe('ask', () => {
  it('answers an empty memory with a follow-up and no error', async () => {
    await using memory = await freshMemory();
    const result = await memory.ask('anything at all?');
    expect(result).toMatchObject({
      question: 'anything at all?',
      answer: null,
      text: null,
      context: '',
      hits: [],
      sources: [],
      context_fragments: [],
      usage: { retrieved: 0 },
    });
    expect(result.follow_up).toMatchObject({
      needed: true,
      reason: 'No relevant information found in memory',
      available_topics: [],
    });
    expect(result.follow_up?.suggestions).toHaveLength(2);
  });

  it('§17.1 falls back to the newest frames when no word matches', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'hello from cli', title: 'Note' });
    const result = await memory.ask('what did I store?', { mode: 'lex', contextOnly: true });
    expect(result.context).toContain('hello from cli');
    expect(result.retriever).toBe('timeline_fallback');
    expect(result.follow_up).toMatchObject({ needed: true, available_topics: ['Note'] });
    for (const question of ['???', '🦜', '...', '$ %']) {
      expect((await memory.ask(question)).retriever).toBe('timeline_fallback');
    }
  });

  it('does not answer when nothing matched: the newest documents are context, and the grounding is LOW', async () => {
    await using memory = await freshMemory();
    const unfounded = {
      answer: null,
      text: null,
      grounding: {
        score: 0,
        label: 'LOW',
        sentence_count: 0,
        grounded_sentences: 0,
        has_warning: true,
        warning_reason: 'No stored text matches the question',
      },
    };
    expect(await memory.ask('Who won the cup?')).toMatchObject(unfounded);
    await memory.put({ title: 'Lunch', text: 'The team meets for lunch at noon.' });
    const result = await memory.ask('Who won the cup?');
    expect(result).toMatchObject({
      ...unfounded,
      retriever: 'timeline_fallback',
      follow_up: { needed: true, reason: expect.stringContaining('No stored text matches') },
    });
    expect(result.context).toContain('The team meets for lunch at noon.');
    expect(result.hits).toHaveLength(1);
    const context = await memory.ask('Who won the cup?', { contextOnly: true });
    expect(context).toMatchObject({ answer: null, grounding: { score: 1, label: 'HIGH' } });
  });

  it('an answer is grounded as far as it holds the words of the question', async () => {
    await using memory = await freshMemory();
    await memory.put({ title: 'Bob', text: 'He works at Initech as a plumber.' });
    await memory.put({ title: 'Lunch', text: 'The team meets for lunch at noon.' });
    const unknown = await memory.ask("What is Bob's phone number?");
    expect(unknown.answer).toBe('He works at Initech as a plumber. [1]');
    const reason = 'The quoted text does not hold “phone” and “number” of the question';
    expect(unknown.grounding).toEqual({
      score: 0.33,
      label: 'LOW',
      sentence_count: 1,
      grounded_sentences: 1,
      has_warning: true,
      warning_reason: reason,
    });
    expect(unknown.follow_up).toMatchObject({ needed: true, reason });
    const partly = await memory.ask("What is Bob's salary?");
    expect(partly).toMatchObject({
      grounding: { label: 'MEDIUM', has_warning: true },
      follow_up: { needed: true },
    });
    for (const question of ['Where does Bob work?', 'When is lunch?', 'When did the team meet?']) {
      const { grounding, follow_up } = await memory.ask(question);
      expect([question, grounding.label, follow_up]).toEqual([question, 'HIGH', undefined]);
    }
  });

  it('§17.22 fills in every key of the contract, `text` and typed fragments included', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      {
        title: 'Decision',
        text: 'We chose PostgreSQL as database. It replaced MySQL.',
        uri: 'mv2://d/1',
        label: 'adr',
        tags: ['db'],
        timestamp: 1_673_740_800,
      },
      { title: 'Plants', text: 'The office plants need water twice a week.' },
    ]);
    const result = await memory.ask('Which database did we choose?', {
      returnSources: true,
      showChunks: true,
    });
    expect(result).toMatchObject({
      context_only: false,
      mode: 'lex',
      retriever: 'lex',
      usage: { retrieved: 1 },
    });
    expect(result.answer).toBe('We chose PostgreSQL as database. It replaced MySQL. [1]');
    expect(result.text).toBe(result.answer);
    expect(result.hits[0]?.score).toBeCloseTo(1 / 61, 10);
    const text = 'We chose PostgreSQL as database. It replaced MySQL.';
    expect(result.context_fragments[0]).toMatchObject({
      rank: 1,
      frame_id: 0,
      uri: 'mv2://d/1',
      title: 'Decision',
      text,
      kind: 'full',
      range: [0, text.length],
      chunk_range: [0, text.length],
    });
    expect(result.sources[0]).toMatchObject({
      frame_id: 0,
      uri: 'mv2://d/1',
      title: 'Decision',
      index: 1,
      tags: ['db'],
      labels: ['adr'],
      frame_timestamp: 1_673_740_800,
      content_dates: [],
    });
    expect(result.chunks).toEqual([
      {
        frame_id: 0,
        uri: 'mv2://d/1',
        title: 'Decision',
        content: text,
        chunk_range: [0, text.length],
        score: result.hits[0]?.score,
      },
    ]);
    expect(result.grounding).toEqual({
      score: 1,
      label: 'HIGH',
      sentence_count: 2,
      grounded_sentences: 2,
      has_warning: false,
    });
    expect(result.follow_up).toBeUndefined();
    expect(result.stats.latency_ms).toBeGreaterThanOrEqual(result.stats.retrieval_ms);
    const bare = await memory.ask('Which database did we choose?');
    expect(Object.keys(bare.sources[0] ?? {})).toEqual(['frame_id', 'uri', 'title', 'snippet', 'score']);
    expect(bare.chunks).toBeUndefined();
  });

  it('contextOnly has no answer, a clean grounding, and contacts no model (§17.35)', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'database words' });
    const result = await memory.ask('database?', {
      contextOnly: true,
      model: 'nvidia:some-model',
      modelApiKey: 'secret',
    });
    expect(result).toMatchObject({ answer: null, text: null, context_only: true });
    expect(result.grounding).toEqual({
      score: 1,
      label: 'HIGH',
      sentence_count: 0,
      grounded_sentences: 0,
      has_warning: false,
    });
    expect(result.model).toBeUndefined();
  });

  it('keeps to k, scope, where and time, in the fallback too', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 30 }, (_, index) => ({
        title: `t${index}`,
        text: `apple note ${index}`,
        uri: `mv2://${index % 3 === 0 ? 'a' : 'b'}/${index}`,
        timestamp: 1000 + index,
        metadata: { n: index },
      })),
    );
    expect((await memory.ask('apple?')).hits).toHaveLength(6);
    expect((await memory.ask('apple?', { k: 2 })).hits).toHaveLength(2);
    for (const question of ['apple?', 'unrelated words']) {
      const scoped = await memory.ask(question, { scope: 'mv2://a/', k: 100 });
      expect(scoped.hits).toHaveLength(10);
      expect(scoped.hits.every((hit) => hit.uri.startsWith('mv2://a/'))).toBe(true);
      expect(
        (await memory.ask(question, { since: 1025, until: 1026 })).hits.map((hit) => hit.frame_id).toSorted(),
      ).toEqual([25, 26]);
      expect(
        (await memory.ask(question, { where: { n: { $lt: 3 } } })).hits.map((hit) => hit.frame_id).toSorted(),
      ).toEqual([0, 1, 2]);
      expect(
        (await memory.ask(question, { asOfFrame: 1 })).hits.map((hit) => hit.frame_id).toSorted(),
      ).toEqual([0, 1]);
      expect((await memory.ask(question, { scope: 'mv2://none/' })).follow_up?.needed).toBe(true);
    }
    const newest = await memory.ask('unrelated words', { k: 3 });
    expect(newest.hits.map((hit) => hit.frame_id)).toEqual([29, 28, 27]);
  });

  it('limits the context', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 5 }, (_, index) => ({
        title: `t${index}`,
        text: `apple ${'pie '.repeat(300)}${index}`,
      })),
    );
    const result = await memory.ask('apple?', { llmContextChars: 1500 });
    expect(
      result.context_fragments.reduce((sum, fragment) => sum + fragment.text.length, 0),
    ).toBeLessThanOrEqual(1500);
    expect(result.context_fragments[0]?.kind).toBe('full');
    expect(result.context_fragments[1]?.kind).toBe('summary');
  });

  it('masks personal data in everything that comes back', async () => {
    await using memory = await freshMemory();
    const key = `sk-${'a1b2c3d4'.repeat(4)}`;
    await memory.put({
      title: 'Mail of ann@example.com',
      text: `Contact ann@example.com or 555-123-4567, key ${key}.`,
      tags: ['ann@example.com'],
      metadata: { mail: 'ann@example.com' },
    });
    for (const question of ['How to contact?', 'unrelated']) {
      const result = await memory.ask(question, { maskPii: true, showChunks: true, returnSources: true });
      const shown = JSON.stringify(result);
      expect(shown).toContain('[EMAIL]');
      for (const secret of ['ann@example.com', '555-123-4567', key]) expect(shown).not.toContain(secret);
    }
  });

  it('refuses models before anything is contacted', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'x' });
    await expect(memory.ask('x?', { model: 'unsupported' })).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringMatching(/unsupported model 'unsupported'/),
    });
    const saved = { ...process.env };
    delete process.env['NVIDIA_LLM_MODEL'];
    delete process.env['NVIDIA_API_KEY'];
    try {
      await expect(memory.ask('x?', { model: 'nvidia' })).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringMatching(/nvidia model name required/i),
      });
      await expect(memory.ask('x?', { model: 'nvidia:m' })).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringContaining('NVIDIA_API_KEY'),
      });
      await expect(memory.ask('x?', { model: 'nvidia:m', modelApiKey: 'secret-1' })).rejects.toMatchObject({
        name: 'PluginMissingError',
        message: expect.not.stringContaining('secret-1'),
      });
    } finally {
      process.env = saved;
    }
  });

  it('knows each document once, however many of its chunks match', async () => {
    await using memory = await freshMemory();
    await memory.put({ title: 'Long', text: 'granite and moss grow here. '.repeat(400), uri: 'mv2://long' });
    const result = await memory.ask('Where does granite grow?');
    expect(result.hits.length).toBeGreaterThan(0);
    expect(new Set(result.hits.map((hit) => hit.frame_id)).size).toBe(result.hits.length);
    expect(result.answer).toMatch(/granite and moss.*\[1\]$/);
  });
});
