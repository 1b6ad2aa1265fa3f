import { describe, expect, it } from 'vitest';
import { growth } from '../../../tests/support/processor-time.ts';
import { extractAnswer } from '../src/ask/answer.ts';
import { contextOf, shorten } from '../src/ask/context.ts';
import { followUpOf } from '../src/ask/follow-up.ts';
import { coverageOf } from '../src/ask/coverage.ts';
import { type Grounding, groundingOf, groundingWithoutAnswer } from '../src/ask/grounding.ts';
import { checkModel } from '../src/ask/language-models.ts';
import { sentencesOf, stem, termsOf } from '../src/ask/sentences.ts';

describe('sentencesOf', () => {
  it('splits at the ends of sentences and at lines, not at abbreviations', () => {
    expect(sentencesOf('Dr. Lee left. Did she? Yes!\nNew line')).toEqual([
      'Dr. Lee left.',
      'Did she?',
      'Yes!',
      'New line',
    ]);
    expect(sentencesOf('東京は首都です。大阪は違う。')).toEqual(['東京は首都です。', '大阪は違う。']);
    expect(sentencesOf('')).toEqual([]);
    expect(sentencesOf('See Fig.  2 of Dr. Lee. (approx. ten) He said "no." Yes.')).toEqual([
      'See Fig. 2 of Dr. Lee.',
      '(approx. ten) He said "no."',
      'Yes.',
    ]);
  });

  it.each(['a. ', 'Dr. ', '"', '." ', '。'])(
    'takes time that grows with the length of %j in a row',
    async (part) => {
      expect(await growth((length) => () => sentencesOf(`${part.repeat(length)}x`), 200_000)).toBeLessThan(3);
    },
    60_000,
  );
});

describe('termsOf', () => {
  it('brings forms of a word together and drops function words', () => {
    for (const [left, right] of [
      ['databases', 'database'],
      ['decided', 'decide'],
      ['running', 'runs'],
      ['cities', 'city'],
      ['boxes', 'box'],
      ['cafés', 'cafe'],
      ['using', 'use'],
      ['chose', 'choose'],
      ['children', 'child'],
    ]) {
      expect(termsOf(left ?? '')).toEqual(termsOf(right ?? ''));
    }
    expect(termsOf("What's the team's plan?")).toEqual(['team', 'plan']);
    expect(termsOf('東京都')).toEqual(['東京', '京都']);
    expect(stem('bus')).toBe('bus');
  });
});

describe('extractAnswer', () => {
  const fragments = [
    {
      rank: 1,
      text: 'Meeting notes of Monday.\nDecided to use PostgreSQL for the main database. Redis for caching. Lunch was at noon, and the afternoon was spent on the road map for the coming year and the hiring plan.',
    },
    { rank: 2, text: 'The office plants need water twice a week.' },
  ];

  it('quotes the sentence that answers and cites its fragment', () => {
    expect(extractAnswer('What database are we using?', fragments)?.text).toBe(
      'Decided to use PostgreSQL for the main database. [1]',
    );
  });

  it('takes a lower fragment only when it says clearly more', () => {
    expect(extractAnswer('How often do the plants need water?', fragments)?.text).toBe(
      'The office plants need water twice a week. [2]',
    );
  });

  it('quotes a short fragment whole and gives null without text', () => {
    expect(extractAnswer('colour?', [{ rank: 1, text: 'hello from cli' }])?.text).toBe('hello from cli [1]');
    expect(extractAnswer('colour?', [])).toBeNull();
    expect(extractAnswer('colour?', [{ rank: 1, text: '  ' }])).toBeNull();
  });

  it('keeps an answer to a screenful', () => {
    const answer = extractAnswer('word', [{ rank: 1, text: `word ${'lorem '.repeat(500)}` }])?.text ?? '';
    expect(answer.length).toBeLessThan(620);
    expect(answer).toMatch(/ \[1\]$/);
  });
});

describe('coverageOf', () => {
  it.each([
    ["What is Bob's phone number?", 'Bob works at Initech.', 1 / 3, ['phone', 'number']],
    ['Which databases did we choose?', 'We chose PostgreSQL as database.', 1, []],
    ['Who developed it?', 'Development was done by Ann.', 1, []],
    ['When is the Café open?', 'CAFE\nopens at 9', 1, []],
    ['cant*', 'The canteen', 1, []],
    ['dog*', 'The do', 0, ['dog*']],
    ['What is it?', 'It is what it is.', 0, []],
    ['the phone of the phone', 'silence', 0, ['phone']],
    // Most pairs of characters of a question are only what it asks with.
    ['東京の人口は何人ですか', '東京は大きい', 1, []],
    ['大阪は何人ですか', '東京は大きい', 0, ['大阪は何人ですか']],
  ])('%s', (question, text, share, missing) => {
    expect(coverageOf(question, text)).toEqual({ share, missing });
  });
});

describe('groundingOf', () => {
  it('reads long rows of blanks in time that grows with their length', async () => {
    const reading = (length: number) => () =>
      groundingOf(`The door${' '.repeat(length)}is green`, ['a green door']);
    expect(await growth(reading, 200_000)).toBeLessThan(3);
  }, 60_000);

  it('counts the sentences that the context supports', () => {
    const context = ['PostgreSQL is the main database.', 'Redis is the cache.'];
    expect(groundingOf('PostgreSQL is the main database. [1]', context)).toEqual({
      score: 1,
      label: 'HIGH',
      sentence_count: 1,
      grounded_sentences: 1,
      has_warning: false,
    });
    expect(
      groundingOf('PostgreSQL is the main database. The moon consists of green cheese.', context),
    ).toMatchObject({
      score: 0.5,
      label: 'MEDIUM',
      sentence_count: 2,
      grounded_sentences: 1,
      has_warning: false,
    });
    const invented = groundingOf('The moon consists of green cheese.', context);
    expect(invented).toMatchObject({ score: 0, label: 'LOW', has_warning: true });
    expect(invented.warning_reason).toContain('0 of 1');
  });

  describe('of a quote', () => {
    const quote = 'The canteen serves soup at noon. [1]';
    const quoted = (share: number, missing: string[], similarity?: number): Grounding =>
      groundingOf(quote, ['The canteen serves soup at noon.'], { share, missing, similarity });

    it('is at most MEDIUM, with a warning, where no word of the question stands in it', () => {
      const known = quoted(0, ['lunch'], 0.174);
      expect(known).toMatchObject({ score: 0.5, label: 'MEDIUM', has_warning: true });
      expect(known.warning_reason).toMatch(/^No word of the question stands .* similarity of 0\.17/);
      expect(quoted(0, ['lunch']).warning_reason).toBe('No word of the question stands in the quoted text');
    });

    it('is as much as of the question stands in it, and the warning names the rest', () => {
      expect(quoted(1, [])).toMatchObject({ score: 1, label: 'HIGH', has_warning: false });
      expect(quoted(3 / 4, ['today'])).toMatchObject({ score: 0.75, label: 'HIGH', has_warning: false });
      expect(quoted(2 / 3, ['price'])).toMatchObject({
        score: 0.67,
        label: 'MEDIUM',
        warning_reason: 'The quoted text does not hold “price” of the question',
      });
      expect(quoted(1 / 3, ['phone', 'number'])).toMatchObject({
        score: 0.33,
        label: 'LOW',
        grounded_sentences: 1,
        warning_reason: 'The quoted text does not hold “phone” and “number” of the question',
      });
      expect(quoted(0.1, ['a', 'b', 'c', 'd', 'e', 'f']).warning_reason).toBe(
        'The quoted text does not hold “a”, “b”, “c”, “d” and 2 more words of the question',
      );
      // What was found by meaning may say it in other words.
      expect(quoted(1 / 3, ['phone'], 0.6)).toMatchObject({ score: 0.5, label: 'MEDIUM', has_warning: true });
    });
  });

  it('has nothing to object without an answer', () => {
    expect(groundingWithoutAnswer()).toEqual({
      score: 1,
      label: 'HIGH',
      sentence_count: 0,
      grounded_sentences: 0,
      has_warning: false,
    });
  });
});

describe('followUpOf', () => {
  const grounding = groundingWithoutAnswer();
  const hit = { title: 'Plants' } as never;

  it('is silent on an answered question', () => {
    expect(followUpOf({ hits: [hit], isFallback: false, grounding })).toBeUndefined();
  });

  it('speaks on an empty memory, on a fallback and on a weak answer', () => {
    expect(followUpOf({ hits: [], isFallback: false, grounding })).toMatchObject({
      needed: true,
      reason: 'No relevant information found in memory',
      available_topics: [],
    });
    expect(followUpOf({ hits: [hit], isFallback: true, grounding })).toMatchObject({
      needed: true,
      available_topics: ['Plants'],
    });
    expect(
      followUpOf({ hits: [hit], isFallback: false, grounding: { ...grounding, score: 0.2 } })?.needed,
    ).toBe(true);
  });
});

describe('contextOf', () => {
  it('numbers blocks and leaves the scheme of uris out', () => {
    const hit = { uri: 'mv2://docs/adr-1', title: 'Decision' } as never;
    expect(contextOf([hit], () => 'text')).toBe('### [1] docs/adr-1 — Decision\ntext');
    expect(contextOf([], () => '')).toBe('');
  });

  it('shortens at a word and never inside a character', () => {
    expect(shorten('one two three four five', 15)).toBe('one two three');
    expect(shorten('short', 10)).toBe('short');
    expect(shorten('😀😀😀', 3)).toBe('😀');
  });
});

describe('checkModel', () => {
  const none = new Map<string, string>();
  const environment = { ...process.env };
  const clean = (): void => {
    for (const name of ['NVIDIA_API_KEY', 'NVIDIA_LLM_MODEL', 'OPENAI_API_KEY', 'MEMVID_OFFLINE']) {
      delete process.env[name];
    }
  };
  const restore = (): void => {
    process.env = { ...environment };
  };

  it('names an unsupported model', () => {
    for (const name of ['unsupported', 'acme:x', 'openai', 'openai:', '']) {
      expect(() => checkModel(name, undefined, none)).toThrow(
        expect.objectContaining({
          code: 'MV018',
          name: 'ModelUnsupportedError',
          message: `unsupported model '${name}'`,
        }),
      );
    }
  });

  it('asks for the model, the key, the network and the package, in this order', () => {
    clean();
    try {
      expect(() => checkModel('nvidia', undefined, none)).toThrow(/nvidia model name required/i);
      expect(() => checkModel('nvidia:m', undefined, none)).toThrow(
        expect.objectContaining({ code: 'MV018', message: expect.stringContaining('NVIDIA_API_KEY') }),
      );
      process.env['NVIDIA_LLM_MODEL'] = 'm';
      expect(() => checkModel('nvidia', undefined, none)).toThrow(/NVIDIA_API_KEY/);
      process.env['MEMVID_OFFLINE'] = 'yes';
      expect(() => checkModel('nvidia', 'secret-key', none)).toThrow(/offline/);
      delete process.env['MEMVID_OFFLINE'];
      expect(() => checkModel('openai:m', undefined, new Map([['openai', 'secret-key']]))).toThrow(
        expect.objectContaining({
          name: 'PluginMissingError',
          suggestion: expect.stringContaining('npm install @memvid/llm-openai'),
        }),
      );
      expect(() => checkModel('openai:m', 'secret-key', none)).not.toThrow(/secret-key/);
    } finally {
      restore();
    }
  });
});
